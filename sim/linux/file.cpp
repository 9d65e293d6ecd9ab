#include "sim/linux/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace chrysalis::sim::kernel {
namespace {

// Sequential bytes of a span list.
void scatter(std::span<const iovec> to, const uint8_t* from, size_t size) {
  for (const iovec& span : to) {
    const size_t count = std::min(size, span.iov_len);
    std::memcpy(span.iov_base, from, count);
    from += count;
    size -= count;
  }
}

int64_t host_result(int64_t result) {
  if (result >= 0) return result;
  return errno == EINTR ? kHostInterrupted : -errno;
}

void synthetic_status(struct stat* status, mode_t mode, uint64_t inode, int64_t size) {
  *status = {};
  status->st_mode = mode;
  status->st_ino = inode;
  status->st_nlink = 1;
  status->st_uid = getuid();
  status->st_gid = getgid();
  status->st_size = size;
  status->st_blksize = 4096;
}

// FNV-1a: an inode number that is the same in every run.
uint64_t inode_of(const std::string& path) {
  uint32_t hash = 0x811c'9dc5;
  for (const char c : path) hash = (hash ^ static_cast<uint8_t>(c)) * 0x0100'0193;
  return hash & 0x7fff'ffff;
}

}  // namespace

size_t total_size(std::span<const iovec> spans) {
  size_t size = 0;
  for (const iovec& span : spans) size += span.iov_len;
  return size;
}

HostFd& HostFd::operator=(HostFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.release();
  }
  return *this;
}

HostFd::~HostFd() {
  if (fd_ >= 0) close(fd_);
}

int HostFd::release() { return std::exchange(fd_, -1); }

// -- Defaults --------------------------------------------------------------------------------------

int64_t File::read(std::span<const iovec>, std::optional<int64_t>) { return -EINVAL; }
int64_t File::write(std::span<const iovec>, std::optional<int64_t>) { return -EINVAL; }
int64_t File::seek(int64_t, int) { return -ESPIPE; }
int64_t File::available() { return -ENOTTY; }

// -- Host files ------------------------------------------------------------------------------------

HostFile::HostFile(HostFd fd, int open_flags) : fd_(std::move(fd)) {
  flags = open_flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
  struct stat status;
  if (fstat(fd_.get(), &status) == 0) {
    regular_ = S_ISREG(status.st_mode);
    directory_ = S_ISDIR(status.st_mode);
  }
}

// Regular files give whole reads and writes, as Linux does; more spans than one host call takes are
// passed in several. Elsewhere one host call is one guest call.
template <class Operation>
int64_t HostFile::transfer(std::span<const iovec> spans, Operation operation) {
  int64_t done = 0;
  do {
    const auto part = spans.subspan(0, std::min<size_t>(spans.size(), IOV_MAX));
    const int64_t count = host_result(operation(part, done));
    if (count < 0 || count == kHostInterrupted) return done > 0 ? done : count;
    done += count;
    if (static_cast<size_t>(count) < total_size(part)) break;
    spans = spans.subspan(part.size());
  } while (regular_ && !spans.empty());
  return done;
}

int64_t HostFile::read(std::span<const iovec> to, std::optional<int64_t> offset) {
  if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0) return -EBADF;
  if ((flags & O_NONBLOCK) != 0 && !regular_ && (ready() & (POLLIN | POLLHUP | POLLERR)) == 0) return -EAGAIN;
  return transfer(to, [&](std::span<const iovec> part, int64_t done) {
    return offset ? preadv(fd_.get(), part.data(), static_cast<int>(part.size()), *offset + done)
                  : readv(fd_.get(), part.data(), static_cast<int>(part.size()));
  });
}

int64_t HostFile::write(std::span<const iovec> from, std::optional<int64_t> offset) {
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) return -EBADF;
  if ((flags & O_NONBLOCK) != 0 && !regular_ && (ready() & (POLLOUT | POLLERR)) == 0) return -EAGAIN;
  return transfer(from, [&](std::span<const iovec> part, int64_t done) {
    return offset ? pwritev(fd_.get(), part.data(), static_cast<int>(part.size()), *offset + done)
                  : writev(fd_.get(), part.data(), static_cast<int>(part.size()));
  });
}

int64_t HostFile::seek(int64_t offset, int whence) {
  if (!directory_) return host_result(lseek(fd_.get(), offset, whence));
  // A directory's position is ours: the index of the next entry, in the host's order.
  if (whence == SEEK_CUR) offset += static_cast<int64_t>(directory_position);
  else if (whence != SEEK_SET) return -EINVAL;
  if (offset < 0) return -EINVAL;
  if (offset == 0) entries_.clear();  // rewinddir() sees what has changed
  directory_position = static_cast<uint64_t>(offset);
  return offset;
}

int64_t HostFile::stat(struct stat* status) { return host_result(fstat(fd_.get(), status)); }

short HostFile::ready() {
  constexpr short kAll = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND;
  pollfd request{fd_.get(), kAll, 0};
  return poll(&request, 1, 0) > 0 ? request.revents : 0;
}

int64_t HostFile::available() {
  int count = 0;
  return ioctl(fd_.get(), FIONREAD, &count) == 0 ? count : -errno;
}

const std::vector<DirectoryEntry>* HostFile::entries() {
  if (!directory_) return nullptr;
  if (entries_.empty()) {
    DIR* stream = fdopendir(openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (stream == nullptr) return nullptr;
    while (const dirent* entry = readdir(stream)) entries_.push_back({entry->d_ino, entry->d_type, entry->d_name});
    closedir(stream);
  }
  return &entries_;
}

// -- Synthetic files -------------------------------------------------------------------------------

int64_t TextFile::read(std::span<const iovec> to, std::optional<int64_t> offset) {
  const int64_t from = offset.value_or(position_);
  const auto size = static_cast<int64_t>(content_.size());
  if (from < 0 || from >= size) return 0;
  const auto count = std::min<int64_t>(static_cast<int64_t>(total_size(to)), size - from);
  scatter(to, reinterpret_cast<const uint8_t*>(content_.data()) + from, static_cast<size_t>(count));
  if (!offset) position_ += count;
  return count;
}

int64_t TextFile::seek(int64_t offset, int whence) {
  if (whence == SEEK_CUR) offset += position_;
  else if (whence == SEEK_END) offset += static_cast<int64_t>(content_.size());
  else if (whence != SEEK_SET) return -EINVAL;
  if (offset < 0) return -EINVAL;
  return position_ = offset;
}

int64_t TextFile::stat(struct stat* status) {
  synthetic_status(status, S_IFREG | 0444, inode_of(path), 0);
  return 0;
}

short TextFile::ready() { return POLLIN | POLLOUT; }

int64_t ListFile::stat(struct stat* status) {
  synthetic_status(status, S_IFDIR | 0555, inode_of(path), 0);
  return 0;
}

int64_t ListFile::seek(int64_t offset, int whence) {
  if (whence == SEEK_CUR) offset += static_cast<int64_t>(directory_position);
  else if (whence != SEEK_SET) return -EINVAL;
  if (offset < 0) return -EINVAL;
  directory_position = static_cast<uint64_t>(offset);
  return offset;
}

// Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014.
uint64_t RandomSource::next() {
  uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
  return z ^ (z >> 31);
}

void RandomSource::fill(void* data, size_t size) {
  auto* to = static_cast<uint8_t*>(data);
  for (size_t i = 0; i < size; ++i, --left_, word_ >>= 8) {
    if (left_ == 0) {
      word_ = next();
      left_ = 8;
    }
    to[i] = static_cast<uint8_t>(word_);
  }
}

int64_t RandomFile::read(std::span<const iovec> to, std::optional<int64_t>) {
  for (const iovec& span : to) source_.fill(span.iov_base, span.iov_len);
  return static_cast<int64_t>(total_size(to));
}

int64_t RandomFile::write(std::span<const iovec> from, std::optional<int64_t>) {
  return static_cast<int64_t>(total_size(from));
}

int64_t RandomFile::stat(struct stat* status) {
  synthetic_status(status, S_IFCHR | 0666, 9, 0);
  status->st_rdev = 1 << 8 | 9;
  return 0;
}

short RandomFile::ready() { return POLLIN | POLLOUT; }

// -- Pipes and events --------------------------------------------------------------------------------

PipeFile::PipeFile(std::shared_ptr<Pipe> pipe, int access, uint64_t inode)
    : pipe_(std::move(pipe)), reads_(access != O_WRONLY), writes_(access != O_RDONLY), inode_(inode) {
  flags = access;
  if (reads_) ++pipe_->readers, ++pipe_->readers_ever;
  if (writes_) ++pipe_->writers, ++pipe_->writers_ever;
}

PipeFile::~PipeFile() {
  if (reads_) --pipe_->readers;
  if (writes_) --pipe_->writers;
}

int64_t PipeFile::read(std::span<const iovec> to, std::optional<int64_t> offset) {
  if (offset) return -ESPIPE;
  if (!reads_) return -EBADF;
  const size_t wanted = total_size(to);
  if (wanted == 0) return 0;
  if (pipe_->bytes.empty()) {
    if (pipe_->writers == 0) return 0;
    return (flags & O_NONBLOCK) != 0 ? -EAGAIN : kBlock;
  }
  const size_t count = std::min(wanted, pipe_->bytes.size());
  auto from = pipe_->bytes.begin();
  size_t left = count;
  for (const iovec& span : to) {
    const size_t part = std::min(left, span.iov_len);
    std::copy_n(from, part, static_cast<uint8_t*>(span.iov_base));
    from += static_cast<ptrdiff_t>(part);
    left -= part;
  }
  pipe_->bytes.erase(pipe_->bytes.begin(), from);
  return static_cast<int64_t>(count);
}

int64_t PipeFile::write(std::span<const iovec> from, std::optional<int64_t> offset) {
  if (offset) return -ESPIPE;
  if (!writes_) return -EBADF;
  if (pipe_->readers == 0) return -EPIPE;
  const size_t wanted = total_size(from);
  if (wanted == 0) return 0;
  const size_t room = Pipe::kCapacity - pipe_->bytes.size();
  // Up to PIPE_BUF bytes go in one piece.
  if (room == 0 || (wanted <= Pipe::kAtomic && room < wanted)) return (flags & O_NONBLOCK) != 0 ? -EAGAIN : kBlock;
  size_t left = std::min(room, wanted);
  const auto count = static_cast<int64_t>(left);
  for (const iovec& span : from) {
    const size_t part = std::min(left, span.iov_len);
    const auto* bytes = static_cast<const uint8_t*>(span.iov_base);
    pipe_->bytes.insert(pipe_->bytes.end(), bytes, bytes + part);
    left -= part;
  }
  return count;
}

int64_t PipeFile::stat(struct stat* status) {
  synthetic_status(status, S_IFIFO | 0600, inode_, 0);
  return 0;
}

short PipeFile::ready() {
  int events = 0;
  if (writes_ && pipe_->readers == 0) events |= POLLOUT | POLLWRNORM | POLLERR;
  if (writes_ && Pipe::kCapacity - pipe_->bytes.size() >= Pipe::kAtomic) events |= POLLOUT | POLLWRNORM;
  if (reads_ && !pipe_->bytes.empty()) events |= POLLIN | POLLRDNORM;
  if (reads_ && pipe_->writers == 0) events |= POLLHUP;
  return static_cast<short>(events);
}

int64_t EventFile::read(std::span<const iovec> to, std::optional<int64_t>) {
  if (total_size(to) < sizeof value_) return -EINVAL;
  if (value_ == 0) return (flags & O_NONBLOCK) != 0 ? -EAGAIN : kBlock;
  const uint64_t result = semaphore_ ? 1 : value_;
  value_ -= result;
  scatter(to, reinterpret_cast<const uint8_t*>(&result), sizeof result);
  return sizeof result;
}

int64_t EventFile::write(std::span<const iovec> from, std::optional<int64_t>) {
  if (total_size(from) < sizeof value_) return -EINVAL;
  uint64_t added = 0;
  size_t done = 0;
  for (const iovec& span : from) {
    const size_t part = std::min(sizeof added - done, span.iov_len);
    std::memcpy(reinterpret_cast<uint8_t*>(&added) + done, span.iov_base, part);
    done += part;
  }
  if (added == UINT64_MAX) return -EINVAL;
  if (value_ > UINT64_MAX - 1 - added) return (flags & O_NONBLOCK) != 0 ? -EAGAIN : kBlock;
  value_ += added;
  return sizeof added;
}

int64_t EventFile::stat(struct stat* status) {
  synthetic_status(status, 0600, 1, 0);
  return 0;
}

short EventFile::ready() {
  return static_cast<short>((value_ > 0 ? POLLIN : 0) | (value_ < UINT64_MAX - 1 ? POLLOUT : 0));
}

}  // namespace chrysalis::sim::kernel
