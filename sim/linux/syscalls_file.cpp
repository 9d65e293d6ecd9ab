// System calls on descriptors and file content.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

// Linux: MAX_RW_COUNT.
constexpr uint32_t kMaxTransfer = 0x7fff'f000;

void raise_sigpipe(Call& call) {
  abi::Siginfo info{};
  info.word[0] = SIGPIPE;
  info.word[2] = SI_USER;
  info.word[3] = call.task.group->pid;
  info.word[4] = static_cast<int32_t>(getuid());
  call.kernel.send(call.task, info);
}

void skip_spans(std::vector<iovec>& spans, int64_t count) {
  while (count > 0 && !spans.empty()) {
    const auto part = static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(spans[0].iov_len)));
    spans[0].iov_base = static_cast<uint8_t*>(spans[0].iov_base) + part;
    spans[0].iov_len -= part;
    count -= static_cast<int64_t>(part);
    if (spans[0].iov_len == 0) spans.erase(spans.begin());
  }
}

// A host file that has nothing to give yet: others go first if they can, and an armed timer may interrupt.
bool defer_to_others(Call& call, File& file, short events) {
  if (!file.waits_for_host() || (file.flags & O_NONBLOCK) != 0) return false;
  if (!call.kernel.others_can_run(call.task) && !call.again && !call.kernel.next_timer()) return false;
  if ((file.ready() & (events | POLLHUP | POLLERR)) != 0) return false;
  call.task.wait.host.push_back({file.host_fd(), events, 0});
  return true;
}

int64_t transfer(Call& call, uint32_t address, uint32_t size, Access access, std::optional<int64_t> offset, unsigned fd_argument = 0) {
  const auto file = call.file(fd_argument);
  if (file == nullptr) return -EBADF;
  if (size > INT32_MAX) return -EINVAL;
  size = std::min(size, kMaxTransfer);
  if (access == Access::Write && (file->flags & O_ACCMODE) == O_WRONLY) return -EBADF;
  std::vector<iovec> spans;
  if (access == Access::Write && defer_to_others(call, *file, POLLIN)) return kBlock;
  spans = call.task.space->spans(address, size, access);
  if (spans.empty() && size > 0) return -EFAULT;
  return access == Access::Write ? read_file(call, *file, std::move(spans), offset)
                                 : write_file(call, *file, std::move(spans), offset);
}

int64_t transfer_vector(Call& call, Access access, std::optional<int64_t> offset) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (access == Access::Write && defer_to_others(call, *file, POLLIN)) return kBlock;
  int64_t error = 0;
  std::vector<iovec> spans = guest_spans(call, call.arg[1], call.arg[2], access, &error);
  if (error < 0) return error;
  return access == Access::Write ? read_file(call, *file, std::move(spans), offset)
                                 : write_file(call, *file, std::move(spans), offset);
}

int64_t open_path(Call& call, int directory, uint32_t address, int flags, uint32_t mode) {
  std::string path;
  if (const int error = call.path(address, &path)) return -error;
  std::shared_ptr<File> file;
  const int64_t result = call.kernel.file_system.open(call.task, directory, path, flags, mode, &file);
  if (result != 0) return result;
  return call.task.files->add(std::move(file), (flags & O_CLOEXEC) != 0, 0, call.limit(RLIMIT_NOFILE));
}

int64_t make_pipe(Call& call, int flags) {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return -EINVAL;
  const auto pipe = std::make_shared<Pipe>();
  const uint64_t inode = call.kernel.next_inode++;
  FdTable& files = *call.task.files;
  int32_t numbers[2];
  for (int end = 0; end < 2; ++end) {
    auto file = std::make_shared<PipeFile>(pipe, end == 1 ? O_WRONLY : O_RDONLY, inode);
    file->flags |= flags & O_NONBLOCK;
    file->path = "pipe:[" + std::to_string(inode) + "]";
    const int64_t fd = files.add(std::move(file), (flags & O_CLOEXEC) != 0, 0, call.limit(RLIMIT_NOFILE));
    if (fd < 0) {
      if (end == 1) files.close(numbers[0]);
      return fd;
    }
    numbers[end] = static_cast<int32_t>(fd);
  }
  if (call.put(call.arg[0], numbers)) return 0;
  files.close(numbers[0]);
  files.close(numbers[1]);
  return -EFAULT;
}

int64_t make_event(Call& call, int flags) {
  constexpr int kSemaphore = 1;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | kSemaphore)) != 0) return -EINVAL;
  auto file = std::make_shared<EventFile>(call.arg[0], (flags & kSemaphore) != 0);
  file->flags = O_RDWR | (flags & O_NONBLOCK);
  file->path = "anon_inode:[eventfd]";
  return call.task.files->add(std::move(file), (flags & O_CLOEXEC) != 0, 0, call.limit(RLIMIT_NOFILE));
}

int64_t seek_file(Call& call, int64_t offset, int whence) {
  const auto file = call.file(0);
  if (file == nullptr || (file->flags & O_PATH) != 0) return -EBADF;
  return file->seek(offset, whence);
}

int64_t duplicate_to(Call& call, int from, int to, bool close_on_exec) {
  const auto file = call.task.files->get(from);
  if (file == nullptr || to < 0 || static_cast<uint64_t>(to) >= call.limit(RLIMIT_NOFILE)) return -EBADF;
  call.task.files->set(to, file, close_on_exec);
  return to;
}

// Copies through the personality: `from` and `to` may be any kinds of file.
int64_t copy(Call& call, File& from, File& to, std::optional<int64_t> from_offset, std::optional<int64_t> to_offset, uint64_t size) {
  constexpr size_t kPiece = 65536;
  std::vector<uint8_t> buffer(kPiece);
  int64_t done = 0;
  while (static_cast<uint64_t>(done) < size) {
    iovec piece{buffer.data(), std::min<uint64_t>(kPiece, size - static_cast<uint64_t>(done))};
    // What the other end cannot take now must not be lost.
    if ((to.ready() & (POLLOUT | POLLERR)) == 0 && !to.waits_for_host()) return done > 0 ? done : (to.flags & O_NONBLOCK) != 0 ? -EAGAIN : kBlock;
    if (dynamic_cast<PipeFile*>(&to) != nullptr) piece.iov_len = std::min(piece.iov_len, Pipe::kAtomic);
    const int64_t count = read_file(call, from, {piece}, from_offset ? std::optional(*from_offset + done) : std::nullopt);
    if (count <= 0 || count >= kBlock) return done > 0 ? done : count;
    piece.iov_len = static_cast<size_t>(count);
    const int64_t written = write_file(call, to, {piece}, to_offset ? std::optional(*to_offset + done) : std::nullopt);
    if (written < 0 || written >= kBlock) return done > 0 ? done : written;
    done += written;
    if (written < count) break;
  }
  return done;
}

template <class Offset>
int64_t send_file(Call& call) {
  const auto to = call.file(0), from = call.file(1);
  if (to == nullptr || from == nullptr) return -EBADF;
  const uint32_t size = std::min(call.arg[3], kMaxTransfer);
  if (call.arg[2] == 0) return copy(call, *from, *to, std::nullopt, std::nullopt, size);
  Offset offset;
  if (!call.get(call.arg[2], &offset)) return -EFAULT;
  const int64_t result = copy(call, *from, *to, offset, std::nullopt, size);
  if (result > 0 && result < kBlock) {
    offset = static_cast<Offset>(offset + result);
    if (!call.put(call.arg[2], offset)) return -EFAULT;
  }
  return result;
}

// fcntl's locks go to the host as locks of the open file description: the simulator is one process for the
// host, its guests are several.
int64_t lock_file(Call& call, File& file, bool wide) {
  if (file.host_fd() < 0) return -EINVAL;
  struct flock64 lock {};
  abi::Flock narrow{};
  abi::Flock64 long_form{};
  if (wide) {
    if (!call.get(call.arg[2], &long_form)) return -EFAULT;
    lock.l_type = long_form.type, lock.l_whence = long_form.whence, lock.l_start = long_form.start, lock.l_len = long_form.length;
  } else {
    if (!call.get(call.arg[2], &narrow)) return -EFAULT;
    lock.l_type = narrow.type, lock.l_whence = narrow.whence, lock.l_start = narrow.start, lock.l_len = narrow.length;
  }
  const uint32_t command = call.arg[1] - (wide ? abi::kGetLock64 - abi::kGetLock : 0);
  const bool query = command == abi::kGetLock;
  if (fcntl(file.host_fd(), query ? F_OFD_GETLK : F_OFD_SETLK, &lock) != 0) {
    if (command == abi::kSetLockWait && (errno == EAGAIN || errno == EACCES) && call.kernel.others_can_run(call.task)) return kBlock;
    return -errno;
  }
  if (!query) return 0;
  if (wide) {
    long_form = {lock.l_type, lock.l_whence, lock.l_start, lock.l_len, lock.l_pid};
    return call.put(call.arg[2], long_form) ? 0 : -EFAULT;
  }
  narrow = {lock.l_type, lock.l_whence, static_cast<int32_t>(lock.l_start), static_cast<int32_t>(lock.l_len), lock.l_pid};
  return call.put(call.arg[2], narrow) ? 0 : -EFAULT;
}

// Size after a change of it: shared mappings show what the file now holds.
int64_t truncate_to(Call& call, int host_fd, int64_t size) {
  if (size < 0) return -EINVAL;
  if (ftruncate(host_fd, size) != 0) return -errno;
  if (const auto object = call.kernel.objects.find(host_fd)) object->refresh(0, UINT64_MAX / 2);
  return 0;
}

int64_t truncate_path(Call& call, int64_t size) {
  std::string path;
  if (const int error = call.path(call.arg[0], &path)) return -error;
  const Located at = call.kernel.file_system.locate(call.task, AT_FDCWD, path, true);
  if (at.error != 0) return -at.error;
  const HostFd fd(openat(at.directory, at.name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  return fd.get() < 0 ? -errno : truncate_to(call, fd.get(), size);
}

int64_t truncate_fd(Call& call, int64_t size) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (file->host_fd() < 0 || (file->flags & O_ACCMODE) == O_RDONLY) return -EINVAL;
  return truncate_to(call, file->host_fd(), size);
}

}  // namespace

// -- Shared --------------------------------------------------------------------------------------------

std::vector<iovec> guest_spans(Call& call, uint32_t address, uint32_t count, Access access, int64_t* error) {
  *error = 0;
  std::vector<iovec> result;
  if (count > UIO_MAXIOV) {
    *error = -EINVAL;
    return result;
  }
  std::vector<abi::Iovec32> vectors(count);
  if (count != 0 && !call.task.space->read(address, vectors.data(), count * sizeof(abi::Iovec32))) {
    *error = -EFAULT;
    return result;
  }
  uint64_t total = 0;
  for (const abi::Iovec32& item : vectors) {
    if (item.length > INT32_MAX) {
      *error = -EINVAL;
      return {};
    }
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(item.length, kMaxTransfer - total));
    const auto spans = call.task.space->spans(item.base, length, access);
    const size_t got = total_size(spans);
    result.insert(result.end(), spans.begin(), spans.end());
    total += got;
    if (got < length) {
      if (total == 0) *error = -EFAULT;
      break;
    }
  }
  return result;
}

int64_t read_file(Call& call, File& file, std::vector<iovec> spans, std::optional<int64_t> offset) {
  if (offset && *offset < 0) return -EINVAL;
  if (file.host_fd() >= 0)
    if (const auto object = call.kernel.objects.find(file.host_fd())) object->write_back();
  if (file.entries() != nullptr) return -EISDIR;
  return file.read(spans, offset);
}

int64_t write_file(Call& call, File& file, std::vector<iovec> spans, std::optional<int64_t> offset) {
  if (offset && *offset < 0) return -EINVAL;
  std::shared_ptr<MemoryObject> object;
  if (file.host_fd() >= 0 && (object = call.kernel.objects.find(file.host_fd())) != nullptr) object->write_back();
  // A pipe takes what it has room for; the rest waits, with what is done kept in the task.
  int64_t& done = call.task.wait.progress;
  const int64_t done_before = done;
  const bool keeps_progress = dynamic_cast<PipeFile*>(&file) != nullptr && (file.flags & O_NONBLOCK) == 0;
  if (keeps_progress) skip_spans(spans, done);
  int64_t result = file.write(spans, offset);
  if (keeps_progress) {
    while (result > 0 && result < kBlock) {
      done += result;
      skip_spans(spans, result);
      if (spans.empty()) break;
      result = file.write(spans, offset);
    }
    if (done > done_before) ++call.kernel.activity;
    if (result != kBlock && done > 0) result = done;
    if (result != kBlock) done = 0;
  }
  if (result == -EPIPE) raise_sigpipe(call);
  if (object != nullptr && result > 0) object->refresh(0, UINT64_MAX / 2);
  return result;
}

// -- Reading and writing -------------------------------------------------------------------------------

int64_t sys_read(Call& call) { return transfer(call, call.arg[1], call.arg[2], Access::Write, std::nullopt); }
int64_t sys_write(Call& call) { return transfer(call, call.arg[1], call.arg[2], Access::Read, std::nullopt); }
int64_t sys_pread64(Call& call) { return transfer(call, call.arg[1], call.arg[2], Access::Write, call.wide(3)); }
int64_t sys_pwrite64(Call& call) { return transfer(call, call.arg[1], call.arg[2], Access::Read, call.wide(3)); }
int64_t sys_readv(Call& call) { return transfer_vector(call, Access::Write, std::nullopt); }
int64_t sys_writev(Call& call) { return transfer_vector(call, Access::Read, std::nullopt); }
int64_t sys_preadv(Call& call) { return transfer_vector(call, Access::Write, call.wide(3)); }
int64_t sys_pwritev(Call& call) { return transfer_vector(call, Access::Read, call.wide(3)); }

int64_t sys_sendfile(Call& call) { return send_file<int32_t>(call); }
int64_t sys_sendfile64(Call& call) { return send_file<int64_t>(call); }

int64_t sys_copy_file_range(Call& call) {
  const auto from = call.file(0), to = call.file(2);
  if (from == nullptr || to == nullptr) return -EBADF;
  if (call.arg[5] != 0) return -EINVAL;
  struct stat status;
  for (const auto& file : {from, to}) {
    if (const int64_t result = file->stat(&status); result != 0) return result;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    if (!S_ISREG(status.st_mode) || file->host_fd() < 0) return -EINVAL;
  }
  if ((to->flags & O_APPEND) != 0) return -EBADF;
  std::optional<int64_t> offsets[2];
  for (int i = 0; i < 2; ++i) {
    const uint32_t address = call.arg[i == 0 ? 1 : 3];
    if (address == 0) continue;
    int64_t offset;
    if (!call.get(address, &offset)) return -EFAULT;
    offsets[i] = offset;
  }
  const int64_t result = copy(call, *from, *to, offsets[0], offsets[1], std::min(call.arg[4], kMaxTransfer));
  for (int i = 0; i < 2 && result > 0; ++i)
    if (offsets[i] && !call.put(call.arg[i == 0 ? 1 : 3], *offsets[i] + result)) return -EFAULT;
  return result;
}

// -- Opening and closing -------------------------------------------------------------------------------

int64_t sys_open(Call& call) { return open_path(call, AT_FDCWD, call.arg[0], call.sarg(1), call.arg[2]); }
int64_t sys_openat(Call& call) { return open_path(call, call.sarg(0), call.arg[1], call.sarg(2), call.arg[3]); }
int64_t sys_creat(Call& call) { return open_path(call, AT_FDCWD, call.arg[0], O_CREAT | O_WRONLY | O_TRUNC, call.arg[1]); }
int64_t sys_close(Call& call) { return call.task.files->close(call.sarg(0)) ? 0 : -EBADF; }

int64_t sys_close_range(Call& call) {
  constexpr uint32_t kUnshare = 2, kCloseOnExec = 4;
  if (call.arg[0] > call.arg[1] || (call.arg[2] & ~(kUnshare | kCloseOnExec)) != 0) return -EINVAL;
  if ((call.arg[2] & kUnshare) != 0) call.task.files = std::make_shared<FdTable>(*call.task.files);
  FdTable& files = *call.task.files;
  for (uint64_t fd = call.arg[0]; fd <= call.arg[1] && fd < files.size(); ++fd) {
    Descriptor* descriptor = files.find(static_cast<int>(fd));
    if (descriptor == nullptr) continue;
    if ((call.arg[2] & kCloseOnExec) != 0) descriptor->close_on_exec = true;
    else files.close(static_cast<int>(fd));
  }
  return 0;
}

int64_t sys_dup(Call& call) {
  const auto file = call.file(0);
  return file == nullptr ? -EBADF : call.task.files->add(file, false, 0, call.limit(RLIMIT_NOFILE));
}
int64_t sys_dup2(Call& call) {
  if (call.arg[0] == call.arg[1]) return call.file(0) == nullptr ? -EBADF : call.sarg(0);
  return duplicate_to(call, call.sarg(0), call.sarg(1), false);
}
int64_t sys_dup3(Call& call) {
  if (call.arg[0] == call.arg[1] || (call.sarg(2) & ~O_CLOEXEC) != 0) return -EINVAL;
  return duplicate_to(call, call.sarg(0), call.sarg(1), (call.sarg(2) & O_CLOEXEC) != 0);
}
int64_t sys_pipe(Call& call) { return make_pipe(call, 0); }
int64_t sys_pipe2(Call& call) { return make_pipe(call, call.sarg(1)); }
int64_t sys_eventfd(Call& call) { return make_event(call, 0); }
int64_t sys_eventfd2(Call& call) { return make_event(call, call.sarg(1)); }

// -- Position and control ------------------------------------------------------------------------------

int64_t sys_lseek(Call& call) {
  const int64_t result = seek_file(call, call.sarg(1), call.sarg(2));
  return result > INT32_MAX ? -EOVERFLOW : result;
}

int64_t sys__llseek(Call& call) {
  const int64_t result = seek_file(call, static_cast<int64_t>(uint64_t{call.arg[1]} << 32 | call.arg[2]), call.sarg(4));
  if (result < 0) return result;
  return call.put(call.arg[3], result) ? 0 : -EFAULT;
}

int64_t sys_fcntl(Call& call) {
  const auto file = call.file(0);
  Descriptor* descriptor = call.task.files->find(call.sarg(0));
  if (file == nullptr || descriptor == nullptr) return -EBADF;
  constexpr int kSettable = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
  constexpr uint32_t kSetPipeSize = 1031, kGetPipeSize = 1032;
  switch (call.arg[1]) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (call.arg[2] >= call.limit(RLIMIT_NOFILE)) return -EINVAL;
      return call.task.files->add(file, call.arg[1] == F_DUPFD_CLOEXEC, call.sarg(2), call.limit(RLIMIT_NOFILE));
    case F_GETFD: return descriptor->close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD: descriptor->close_on_exec = (call.arg[2] & FD_CLOEXEC) != 0; return 0;
    // i386 programs see O_LARGEFILE as a 64-bit kernel sets it for them: only if they asked.
    case F_GETFL: return file->flags;
    case F_SETFL:
      // O_NONBLOCK stays ours: the host's description may be the user's terminal.
      if (file->host_fd() >= 0 && ((file->flags ^ call.sarg(2)) & O_APPEND) != 0)
        fcntl(file->host_fd(), F_SETFL, (fcntl(file->host_fd(), F_GETFL) & ~O_APPEND) | (call.sarg(2) & O_APPEND));
      file->flags = (file->flags & ~kSettable) | (call.sarg(2) & kSettable);
      return 0;
    case abi::kGetLock:
    case abi::kSetLock:
    case abi::kSetLockWait: return lock_file(call, *file, false);
    case abi::kGetLock64:
    case abi::kSetLock64:
    case abi::kSetLockWait64: return lock_file(call, *file, true);
    case F_GETOWN: return 0;
    case F_SETOWN: return 0;
    case kSetPipeSize:
    case kGetPipeSize: return dynamic_cast<PipeFile*>(file.get()) != nullptr ? static_cast<int64_t>(Pipe::kCapacity) : -EBADF;
    default: return -EINVAL;
  }
}

int64_t sys_flock(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (file->host_fd() < 0) return 0;
  if (flock(file->host_fd(), call.sarg(1) | LOCK_NB) == 0) return 0;
  if (errno == EWOULDBLOCK && (call.sarg(1) & LOCK_NB) == 0 && call.kernel.others_can_run(call.task)) return kBlock;
  return -errno;
}

int64_t sys_ioctl(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  const int fd = file->host_fd();
  constexpr size_t kKernelTermios = 36;  // struct termios of the system call, not glibc's
  uint8_t buffer[kKernelTermios] = {};
  switch (call.arg[1]) {
    case FIONREAD: {
      const int64_t count = file->available();
      if (count < 0) return count;
      return call.put(call.arg[2], static_cast<int32_t>(count)) ? 0 : -EFAULT;
    }
    case FIOCLEX:
    case FIONCLEX: call.task.files->find(call.sarg(0))->close_on_exec = call.arg[1] == FIOCLEX; return 0;
    case FIONBIO: {
      int32_t on;
      if (!call.get(call.arg[2], &on)) return -EFAULT;
      file->flags = on != 0 ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
      return 0;
    }
    case TCGETS:
      if (fd < 0 || ioctl(fd, TCGETS, buffer) != 0) return fd < 0 ? -ENOTTY : -errno;
      return call.put(call.arg[2], buffer) ? 0 : -EFAULT;
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
      if (!call.get(call.arg[2], &buffer)) return -EFAULT;
      return fd >= 0 && ioctl(fd, call.arg[1], buffer) == 0 ? 0 : fd < 0 ? -ENOTTY : -errno;
    case TIOCGWINSZ: {
      winsize size;
      if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return fd < 0 ? -ENOTTY : -errno;
      return call.put(call.arg[2], size) ? 0 : -EFAULT;
    }
    case TIOCGPGRP:
    case TIOCGSID:
      // The guest's session owns whatever terminal it sees.
      if (fd < 0 || isatty(fd) == 0) return -ENOTTY;
      return call.put(call.arg[2], static_cast<int32_t>(call.arg[1] == TIOCGSID ? call.task.group->sid : call.task.group->pgid)) ? 0 : -EFAULT;
    case TIOCSPGRP:
    case TIOCSCTTY: return fd >= 0 && isatty(fd) != 0 ? 0 : -ENOTTY;
    case TCFLSH:
    case TCSBRK:
    case TCXONC: return fd >= 0 && ioctl(fd, call.arg[1], call.arg[2]) == 0 ? 0 : fd < 0 ? -ENOTTY : -errno;
    default: return -ENOTTY;
  }
}

int64_t sys_fsync(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (file->host_fd() < 0) return -EINVAL;
  if (const auto object = call.kernel.objects.find(file->host_fd())) object->write_back();
  return fsync(file->host_fd()) == 0 ? 0 : -errno;
}

// Flushing the whole host for a guest would only cost the user time.
int64_t sys_sync(Call&) { return 0; }

int64_t sys_truncate(Call& call) { return truncate_path(call, call.sarg(1)); }
int64_t sys_ftruncate(Call& call) { return truncate_fd(call, call.sarg(1)); }
int64_t sys_truncate64(Call& call) { return truncate_path(call, call.wide(1)); }
int64_t sys_ftruncate64(Call& call) { return truncate_fd(call, call.wide(1)); }

int64_t sys_fallocate(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (file->host_fd() < 0) return -ENODEV;
  if (fallocate(file->host_fd(), call.sarg(1), call.wide(2), call.wide(4)) != 0) return -errno;
  if (const auto object = call.kernel.objects.find(file->host_fd())) object->refresh(0, UINT64_MAX / 2);
  return 0;
}

int64_t sys_fadvise64(Call& call) { return call.file(0) == nullptr ? -EBADF : 0; }

}  // namespace chrysalis::sim::kernel
