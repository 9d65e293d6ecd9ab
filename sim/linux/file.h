// Open files: what a guest descriptor stands for.
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chrysalis::sim::kernel {

/// Results of system calls and file operations: a value, a negative errno, or one of these.
inline constexpr int64_t kBlock = int64_t{1} << 40;            ///< cannot finish now; ask again
inline constexpr int64_t kHostInterrupted = int64_t{1} << 41;  ///< a signal to the simulator cut a host call short
inline constexpr int64_t kNoResult = int64_t{1} << 42;         ///< registers are already as they shall be

/// Owns a host descriptor.
class HostFd {
 public:
  HostFd() = default;
  explicit HostFd(int fd) : fd_(fd) {}
  HostFd(HostFd&& other) noexcept : fd_(other.release()) {}
  HostFd& operator=(HostFd&& other) noexcept;
  ~HostFd();
  int get() const { return fd_; }
  int release();

 private:
  int fd_ = -1;
};

/// Creates files under the guest's umask instead of the simulator's.
class UmaskScope {
 public:
  explicit UmaskScope(mode_t guest) : simulator_(::umask(guest)) {}
  ~UmaskScope() { ::umask(simulator_); }
  UmaskScope(const UmaskScope&) = delete;
  UmaskScope& operator=(const UmaskScope&) = delete;

 private:
  mode_t simulator_;
};

struct DirectoryEntry {
  uint64_t inode;
  uint8_t type;  ///< DT_*
  std::string name;
};

/// One open file description, shared by the descriptors that dup() and fork() make.
///
/// Operations return a count or a negative errno, or kBlock where a wait for another guest process would be
/// needed; they never wait for one. Host files may wait for the host.
class File {
 public:
  virtual ~File() = default;
  virtual int64_t read(std::span<const iovec> to, std::optional<int64_t> offset);
  virtual int64_t write(std::span<const iovec> from, std::optional<int64_t> offset);
  virtual int64_t seek(int64_t offset, int whence);
  virtual int64_t stat(struct stat* status) = 0;
  /// POLL* events that would not wait now.
  virtual short ready() = 0;
  /// Bytes that read() would give at once (FIONREAD), or a negative errno.
  virtual int64_t available();
  /// Directory entries in order of name, "." and ".." first; null if not a directory.
  virtual const std::vector<DirectoryEntry>* entries() { return nullptr; }
  /// The host's descriptor, -1 if there is none behind this file.
  virtual int host_fd() const { return -1; }
  /// Whether waiting for it means waiting for the host (and not for another guest process).
  virtual bool waits_for_host() const { return false; }

  int flags = 0;            ///< O_ACCMODE, O_APPEND, O_NONBLOCK, ...
  std::string path;         ///< for /proc/self/fd
  uint64_t directory_position = 0;
};

/// A file, directory, terminal or device of the host.
class HostFile : public File {
 public:
  HostFile(HostFd fd, int open_flags);
  int64_t read(std::span<const iovec> to, std::optional<int64_t> offset) override;
  int64_t write(std::span<const iovec> from, std::optional<int64_t> offset) override;
  int64_t seek(int64_t offset, int whence) override;
  int64_t stat(struct stat* status) override;
  short ready() override;
  int64_t available() override;
  const std::vector<DirectoryEntry>* entries() override;
  int host_fd() const override { return fd_.get(); }
  bool waits_for_host() const override { return true; }

 private:
  template <class Operation>
  int64_t transfer(std::span<const iovec> spans, Operation operation);
  HostFd fd_;
  bool regular_ = false;
  bool directory_ = false;
  std::vector<DirectoryEntry> entries_;
};

/// Content made by the personality: /proc files.
class TextFile : public File {
 public:
  explicit TextFile(std::string content) : content_(std::move(content)) {}
  int64_t read(std::span<const iovec> to, std::optional<int64_t> offset) override;
  int64_t seek(int64_t offset, int whence) override;
  int64_t stat(struct stat* status) override;
  short ready() override;

 private:
  std::string content_;
  int64_t position_ = 0;
};

/// A directory made by the personality.
class ListFile : public File {
 public:
  explicit ListFile(std::vector<DirectoryEntry> entries) : entries_(std::move(entries)) {}
  int64_t stat(struct stat* status) override;
  short ready() override { return 0; }
  int64_t seek(int64_t offset, int whence) override;
  const std::vector<DirectoryEntry>* entries() override { return &entries_; }

 private:
  std::vector<DirectoryEntry> entries_;
};

/// Deterministic random bytes (SplitMix64): getrandom(), /dev/urandom, AT_RANDOM.
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : state_(seed) {}
  void fill(void* data, size_t size);

 private:
  uint64_t next();
  uint64_t state_;
  uint64_t word_ = 0;
  unsigned left_ = 0;
};

/// /dev/random and /dev/urandom.
class RandomFile : public File {
 public:
  explicit RandomFile(RandomSource& source) : source_(source) {}
  int64_t read(std::span<const iovec> to, std::optional<int64_t> offset) override;
  int64_t write(std::span<const iovec> from, std::optional<int64_t> offset) override;
  int64_t seek(int64_t, int) override { return 0; }
  int64_t stat(struct stat* status) override;
  short ready() override;

 private:
  RandomSource& source_;
};

/// The bytes between the ends of a pipe.
struct Pipe {
  static constexpr size_t kCapacity = 65536;
  static constexpr size_t kAtomic = 4096;  ///< PIPE_BUF
  std::deque<uint8_t> bytes;
  unsigned readers = 0, writers = 0;
  uint64_t readers_ever = 0, writers_ever = 0;  ///< ends opened so far: what the open() of a named pipe waits for
};

/// One end of a pipe between guest processes; both ends of a named one, if opened so.
class PipeFile : public File {
 public:
  /// `access`: O_RDONLY, O_WRONLY or O_RDWR.
  PipeFile(std::shared_ptr<Pipe> pipe, int access, uint64_t inode);
  ~PipeFile() override;
  int64_t read(std::span<const iovec> to, std::optional<int64_t> offset) override;
  /// Progress of a write that has to wait is kept by the caller, who passes the rest again.
  int64_t write(std::span<const iovec> from, std::optional<int64_t> offset) override;
  int64_t stat(struct stat* status) override;
  short ready() override;
  int64_t available() override { return static_cast<int64_t>(pipe_->bytes.size()); }

 private:
  std::shared_ptr<Pipe> pipe_;
  bool reads_, writes_;
  uint64_t inode_;
};

/// eventfd.
class EventFile : public File {
 public:
  EventFile(uint64_t value, bool semaphore) : value_(value), semaphore_(semaphore) {}
  int64_t read(std::span<const iovec> to, std::optional<int64_t> offset) override;
  int64_t write(std::span<const iovec> from, std::optional<int64_t> offset) override;
  int64_t stat(struct stat* status) override;
  short ready() override;

 private:
  uint64_t value_;
  bool semaphore_;
};

size_t total_size(std::span<const iovec> spans);

}  // namespace chrysalis::sim::kernel
