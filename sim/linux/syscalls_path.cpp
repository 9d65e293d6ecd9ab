// System calls on names and attributes of files.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

int64_t errno_of(int result) { return result == 0 ? 0 : -errno; }

/// A path argument, resolved. `error` is a negative errno.
struct Path {
  int64_t error = 0;
  Located at;
  int directory() const { return at.directory; }
  const char* name() const { return at.name.c_str(); }
};

Path resolve(Call& call, int directory, uint32_t address, bool follow) {
  Path result;
  std::string path;
  if (const int error = call.path(address, &path)) {
    result.error = -error;
    return result;
  }
  const auto made = call.kernel.file_system.virtual_file(call.task, directory, path);
  using Kind = FileSystem::Virtual::Kind;
  if (made.kind == Kind::Missing) result.error = -ENOENT;
  if (made.kind == Kind::Text || made.kind == Kind::Directory) result.error = -EPERM;
  if (result.error != 0) return result;
  result.at = call.kernel.file_system.locate(call.task, directory, path, follow);
  result.error = -result.at.error;
  return result;
}

// -- stat ----------------------------------------------------------------------------------------------

int64_t put_status(Call& call, uint32_t address, const struct stat& s, abi::OldStat*) {
  if (s.st_size > INT32_MAX) return -EOVERFLOW;
  const abi::OldStat out{static_cast<uint16_t>(s.st_dev), static_cast<uint16_t>(s.st_ino), static_cast<uint16_t>(s.st_mode),
                         static_cast<uint16_t>(s.st_nlink), static_cast<uint16_t>(s.st_uid), static_cast<uint16_t>(s.st_gid),
                         static_cast<uint16_t>(s.st_rdev), 0, static_cast<uint32_t>(s.st_size), static_cast<uint32_t>(s.st_atime),
                         static_cast<uint32_t>(s.st_mtime), static_cast<uint32_t>(s.st_ctime)};
  return call.put(address, out) ? 0 : -EFAULT;
}

int64_t put_status(Call& call, uint32_t address, const struct stat& s, abi::Stat*) {
  // Linux: what does not fit is refused rather than cut.
  if (s.st_size > INT32_MAX || s.st_ino > UINT32_MAX) return -EOVERFLOW;
  abi::Stat out{};
  out.dev = static_cast<uint32_t>(s.st_dev);
  out.ino = static_cast<uint32_t>(s.st_ino);
  out.mode = static_cast<uint16_t>(s.st_mode);
  out.nlink = static_cast<uint16_t>(s.st_nlink);
  out.uid = static_cast<uint16_t>(s.st_uid);
  out.gid = static_cast<uint16_t>(s.st_gid);
  out.rdev = static_cast<uint32_t>(s.st_rdev);
  out.size = static_cast<uint32_t>(s.st_size);
  out.blksize = static_cast<uint32_t>(s.st_blksize);
  out.blocks = static_cast<uint32_t>(s.st_blocks);
  out.atime = static_cast<uint32_t>(s.st_atim.tv_sec), out.atime_ns = static_cast<uint32_t>(s.st_atim.tv_nsec);
  out.mtime = static_cast<uint32_t>(s.st_mtim.tv_sec), out.mtime_ns = static_cast<uint32_t>(s.st_mtim.tv_nsec);
  out.ctime = static_cast<uint32_t>(s.st_ctim.tv_sec), out.ctime_ns = static_cast<uint32_t>(s.st_ctim.tv_nsec);
  return call.put(address, out) ? 0 : -EFAULT;
}

int64_t put_status(Call& call, uint32_t address, const struct stat& s, abi::Stat64*) {
  abi::Stat64 out{};
  out.dev = s.st_dev;
  out.short_ino = static_cast<uint32_t>(s.st_ino);
  out.mode = s.st_mode;
  out.nlink = static_cast<uint32_t>(s.st_nlink);
  out.uid = s.st_uid;
  out.gid = s.st_gid;
  out.rdev = s.st_rdev;
  out.size = s.st_size;
  out.blksize = static_cast<uint32_t>(s.st_blksize);
  out.blocks = static_cast<uint64_t>(s.st_blocks);
  out.atime = static_cast<uint32_t>(s.st_atim.tv_sec), out.atime_ns = static_cast<uint32_t>(s.st_atim.tv_nsec);
  out.mtime = static_cast<uint32_t>(s.st_mtim.tv_sec), out.mtime_ns = static_cast<uint32_t>(s.st_mtim.tv_nsec);
  out.ctime = static_cast<uint32_t>(s.st_ctim.tv_sec), out.ctime_ns = static_cast<uint32_t>(s.st_ctim.tv_nsec);
  out.ino = s.st_ino;
  return call.put(address, out) ? 0 : -EFAULT;
}

template <class Out>
int64_t stat_path(Call& call, int directory, uint32_t path_address, uint32_t out_address, int flags) {
  std::string path;
  if (const int error = call.path(path_address, &path)) return -error;
  struct stat status;
  if (const int64_t result = call.kernel.file_system.stat(call.task, directory, path, flags, &status); result != 0) return result;
  return put_status(call, out_address, status, static_cast<Out*>(nullptr));
}

template <class Out>
int64_t stat_fd(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  struct stat status;
  if (const int64_t result = file->stat(&status); result != 0) return result;
  return put_status(call, call.arg[1], status, static_cast<Out*>(nullptr));
}

// -- statfs ----------------------------------------------------------------------------------------------

template <class Out>
int64_t put_statfs(Call& call, uint32_t address, const struct statfs& s) {
  Out out{};
  out.type = static_cast<uint32_t>(s.f_type);
  out.bsize = static_cast<uint32_t>(s.f_bsize);
  if constexpr (sizeof(out.blocks) == 4)
    if ((s.f_blocks | s.f_bfree | s.f_bavail | s.f_files | s.f_ffree) >> 32 != 0) return -EOVERFLOW;
  using Count = decltype(out.blocks);
  out.blocks = static_cast<Count>(s.f_blocks);
  out.bfree = static_cast<Count>(s.f_bfree);
  out.bavail = static_cast<Count>(s.f_bavail);
  out.files = static_cast<Count>(s.f_files);
  out.ffree = static_cast<Count>(s.f_ffree);
  std::memcpy(out.fsid, &s.f_fsid, sizeof out.fsid);
  out.namelen = static_cast<uint32_t>(s.f_namelen);
  out.frsize = static_cast<uint32_t>(s.f_frsize);
  out.flags = static_cast<uint32_t>(s.f_flags);
  return call.put(address, out) ? 0 : -EFAULT;
}

int64_t host_statfs(Call& call, bool by_path, struct statfs* status) {
  if (!by_path) {
    const auto file = call.file(0);
    if (file == nullptr) return -EBADF;
    // Files that are the personality's own lie on the root.
    return errno_of(file->host_fd() >= 0 ? fstatfs(file->host_fd(), status) : statfs("/", status));
  }
  const Path path = resolve(call, AT_FDCWD, call.arg[0], true);
  if (path.error != 0) return path.error;
  const HostFd fd(openat(path.directory(), path.name(), O_PATH | O_CLOEXEC));
  return fd.get() < 0 ? -errno : errno_of(fstatfs(fd.get(), status));
}

template <class Out>
int64_t stat_file_system(Call& call, bool by_path, uint32_t address) {
  struct statfs status;
  if (const int64_t result = host_statfs(call, by_path, &status); result != 0) return result;
  return put_statfs<Out>(call, address, status);
}

// -- Others --------------------------------------------------------------------------------------------

int64_t check_access(Call& call, int directory, uint32_t address, int mode, int flags) {
  std::string text;
  if (const int error = call.path(address, &text)) return -error;
  using Kind = FileSystem::Virtual::Kind;
  const auto made = call.kernel.file_system.virtual_file(call.task, directory, text);
  if (made.kind == Kind::Missing) return -ENOENT;
  if (made.kind == Kind::Text) return (mode & (W_OK | X_OK)) != 0 ? -EACCES : 0;
  if (made.kind == Kind::Directory) return (mode & W_OK) != 0 ? -EACCES : 0;
  if (made.kind == Kind::Random) return (mode & X_OK) != 0 ? -EACCES : 0;
  if (made.kind == Kind::Link) text = made.content;
  if (made.kind == Kind::Descriptor) return 0;
  const Located at = call.kernel.file_system.locate(call.task, directory, text, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  if (at.error != 0) return -at.error;
  return errno_of(faccessat(at.directory, at.name.c_str(), mode, flags));
}

int64_t read_link(Call& call, int directory, uint32_t path_address, uint32_t out, uint32_t size) {
  if (static_cast<int32_t>(size) <= 0) return -EINVAL;
  std::string path, target;
  if (const int error = call.path(path_address, &path)) return -error;
  if (path.empty() && directory >= 0) return -ENOENT;
  if (const int64_t result = call.kernel.file_system.read_link(call.task, directory, path, &target); result != 0) return result;
  const size_t count = std::min<size_t>(size, target.size());
  return call.task.space->write(out, target.data(), count) ? static_cast<int64_t>(count) : -EFAULT;
}

int64_t rename_path(Call& call, int from_directory, uint32_t from, int to_directory, uint32_t to, uint32_t flags) {
  const Path source = resolve(call, from_directory, from, false);
  if (source.error != 0) return source.error;
  const Path target = resolve(call, to_directory, to, false);
  if (target.error != 0) return target.error;
  return errno_of(renameat2(source.directory(), source.name(), target.directory(), target.name(), flags));
}

int64_t link_path(Call& call, int from_directory, uint32_t from, int to_directory, uint32_t to, int flags) {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  const Path source = resolve(call, from_directory, from, (flags & AT_SYMLINK_FOLLOW) != 0);
  if (source.error != 0) return source.error;
  const Path target = resolve(call, to_directory, to, false);
  if (target.error != 0) return target.error;
  return errno_of(linkat(source.directory(), source.name(), target.directory(), target.name(), flags & AT_SYMLINK_FOLLOW));
}

int64_t symbolic_link(Call& call, uint32_t content, int directory, uint32_t address) {
  std::string target;
  if (const int error = call.path(content, &target)) return -error;
  const Path path = resolve(call, directory, address, false);
  if (path.error != 0) return path.error;
  return errno_of(symlinkat(target.c_str(), path.directory(), path.name()));
}

int64_t make_directory(Call& call, int directory, uint32_t address, uint32_t mode) {
  const Path path = resolve(call, directory, address, false);
  if (path.error != 0) return path.error;
  const UmaskScope umask(call.task.fs->umask);
  return errno_of(mkdirat(path.directory(), path.name(), mode));
}

int64_t remove(Call& call, int directory, uint32_t address, int flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return -EINVAL;
  const Path path = resolve(call, directory, address, false);
  return path.error != 0 ? path.error : errno_of(unlinkat(path.directory(), path.name(), flags));
}

int64_t make_node(Call& call, int directory, uint32_t address, uint32_t mode, uint32_t device) {
  const Path path = resolve(call, directory, address, false);
  if (path.error != 0) return path.error;
  // The kernel's 32-bit device number: minor's high bits lie above major.
  const dev_t host = makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
  const UmaskScope umask(call.task.fs->umask);
  return errno_of(mknodat(path.directory(), path.name(), mode, host));
}

int64_t change_mode(Call& call, int directory, uint32_t address, uint32_t mode) {
  const Path path = resolve(call, directory, address, true);
  return path.error != 0 ? path.error : errno_of(fchmodat(path.directory(), path.name(), mode & 07777, 0));
}

uint32_t wide_id(uint32_t id) { return (id & 0xffff) == 0xffff ? ~0u : id & 0xffff; }

int64_t change_owner(Call& call, int directory, uint32_t address, uint32_t user, uint32_t group, int flags) {
  std::string text;
  if (const int error = call.path(address, &text)) return -error;
  if (text.empty() && (flags & AT_EMPTY_PATH) != 0) {
    const auto file = call.task.files->get(directory);
    if (file == nullptr || file->host_fd() < 0) return -EBADF;
    return errno_of(fchown(file->host_fd(), user, group));
  }
  const Path path = resolve(call, directory, address, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  return path.error != 0 ? path.error : errno_of(fchownat(path.directory(), path.name(), user, group, flags & AT_SYMLINK_NOFOLLOW));
}

int64_t change_owner_fd(Call& call, uint32_t user, uint32_t group) {
  const auto file = call.file(0);
  if (file == nullptr || (file->flags & O_PATH) != 0) return -EBADF;
  return file->host_fd() < 0 ? 0 : errno_of(fchown(file->host_fd(), user, group));
}

// The times to set; "now" is the guest's clock, like everything else it reads.
int64_t set_times(Call& call, int directory, uint32_t path_address, const timespec* times, int flags) {
  const int64_t now = call.kernel.realtime_ns();
  timespec real[2];
  for (int i = 0; i < 2; ++i) {
    real[i] = times != nullptr ? times[i] : timespec{0, UTIME_NOW};
    if (real[i].tv_nsec == UTIME_NOW) real[i] = {now / kSecond, now % kSecond};
    else if (real[i].tv_nsec != UTIME_OMIT && (real[i].tv_nsec < 0 || real[i].tv_nsec >= kSecond)) return -EINVAL;
  }
  if (path_address == 0) {
    const auto file = call.task.files->get(directory);
    if (file == nullptr || (file->flags & O_PATH) != 0) return -EBADF;
    return file->host_fd() < 0 ? 0 : errno_of(futimens(file->host_fd(), real));
  }
  const Path path = resolve(call, directory, path_address, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  return path.error != 0 ? path.error : errno_of(utimensat(path.directory(), path.name(), real, flags & AT_SYMLINK_NOFOLLOW));
}

template <class Time>
int64_t set_times_of(Call& call, int directory, uint32_t path_address, uint32_t times_address, int flags) {
  if (times_address == 0) return set_times(call, directory, path_address, nullptr, flags);
  Time in[2];
  if (!call.get(times_address, &in)) return -EFAULT;
  timespec times[2];
  for (int i = 0; i < 2; ++i) {
    if constexpr (std::is_same_v<Time, abi::Timeval32>) {
      if (in[i].microseconds < 0 || in[i].microseconds >= 1'000'000) return -EINVAL;
      times[i] = {in[i].seconds, in[i].microseconds * 1000L};
    } else {
      times[i] = {in[i].seconds, static_cast<long>(in[i].nanoseconds)};
    }
  }
  return set_times(call, directory, path_address, times, flags);
}

// -- Directories -------------------------------------------------------------------------------------------

void append(std::vector<uint8_t>& record, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  record.insert(record.end(), bytes, bytes + size);
}

// One record of getdents (type at its end) or getdents64 (type before the name).
std::vector<uint8_t> directory_record(const DirectoryEntry& entry, uint64_t next, bool wide) {
  const size_t head = wide ? 19 : 10;
  const size_t align = wide ? 8 : 4;
  const size_t size = (head + entry.name.size() + (wide ? 1 : 2) + align - 1) & ~(align - 1);
  std::vector<uint8_t> record;
  const auto length = static_cast<uint16_t>(size);
  if (wide) {
    append(record, &entry.inode, 8);
    append(record, &next, 8);
    append(record, &length, 2);
    record.push_back(entry.type);
  } else {
    append(record, &entry.inode, 4);
    append(record, &next, 4);
    append(record, &length, 2);
  }
  append(record, entry.name.c_str(), entry.name.size() + 1);
  record.resize(size);
  if (!wide) record.back() = entry.type;
  return record;
}

int64_t list_directory(Call& call, bool wide) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  const std::vector<DirectoryEntry>* entries = file->entries();
  if (entries == nullptr) return -ENOTDIR;
  uint32_t done = 0;
  while (file->directory_position < entries->size()) {
    const DirectoryEntry& entry = (*entries)[file->directory_position];
    const auto record = directory_record(entry, file->directory_position + 1, wide);
    if (done + record.size() > call.arg[2]) return done > 0 ? done : -EINVAL;
    if (!call.task.space->write(call.arg[1] + done, record.data(), record.size())) return done > 0 ? done : -EFAULT;
    done += static_cast<uint32_t>(record.size());
    ++file->directory_position;
  }
  return done;
}

int64_t change_directory(Call& call, HostFd fd) {
  if (fd.get() < 0) return -errno;
  // O_PATH opens what it may not search; chdir() must not.
  if (faccessat(fd.get(), ".", X_OK, AT_EACCESS) != 0) return -errno;
  call.task.fs->cwd = std::move(fd);
  return 0;
}

}  // namespace

int64_t sys_oldstat(Call& c) { return stat_path<abi::OldStat>(c, AT_FDCWD, c.arg[0], c.arg[1], 0); }
int64_t sys_oldlstat(Call& c) { return stat_path<abi::OldStat>(c, AT_FDCWD, c.arg[0], c.arg[1], AT_SYMLINK_NOFOLLOW); }
int64_t sys_oldfstat(Call& c) { return stat_fd<abi::OldStat>(c); }
int64_t sys_stat(Call& c) { return stat_path<abi::Stat>(c, AT_FDCWD, c.arg[0], c.arg[1], 0); }
int64_t sys_lstat(Call& c) { return stat_path<abi::Stat>(c, AT_FDCWD, c.arg[0], c.arg[1], AT_SYMLINK_NOFOLLOW); }
int64_t sys_fstat(Call& c) { return stat_fd<abi::Stat>(c); }
int64_t sys_stat64(Call& c) { return stat_path<abi::Stat64>(c, AT_FDCWD, c.arg[0], c.arg[1], 0); }
int64_t sys_lstat64(Call& c) { return stat_path<abi::Stat64>(c, AT_FDCWD, c.arg[0], c.arg[1], AT_SYMLINK_NOFOLLOW); }
int64_t sys_fstat64(Call& c) { return stat_fd<abi::Stat64>(c); }
int64_t sys_fstatat64(Call& c) {
  if ((c.sarg(3) & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) != 0) return -EINVAL;
  return stat_path<abi::Stat64>(c, c.sarg(0), c.arg[1], c.arg[2], c.sarg(3));
}

int64_t sys_statx(Call& call) {
  std::string path;
  if (const int error = call.path(call.arg[1], &path)) return -error;
  struct stat s;
  const int flags = call.sarg(2) & (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH);
  if (const int64_t result = call.kernel.file_system.stat(call.task, call.sarg(0), path, flags, &s); result != 0) return result;
  struct statx out {};
  out.stx_mask = STATX_BASIC_STATS;
  out.stx_blksize = static_cast<uint32_t>(s.st_blksize);
  out.stx_nlink = static_cast<uint32_t>(s.st_nlink);
  out.stx_uid = s.st_uid;
  out.stx_gid = s.st_gid;
  out.stx_mode = static_cast<uint16_t>(s.st_mode);
  out.stx_ino = s.st_ino;
  out.stx_size = static_cast<uint64_t>(s.st_size);
  out.stx_blocks = static_cast<uint64_t>(s.st_blocks);
  const auto time = [](const timespec& t) { return statx_timestamp{t.tv_sec, static_cast<uint32_t>(t.tv_nsec), 0}; };
  out.stx_atime = time(s.st_atim);
  out.stx_mtime = time(s.st_mtim);
  out.stx_ctime = time(s.st_ctim);
  out.stx_rdev_major = major(s.st_rdev);
  out.stx_rdev_minor = minor(s.st_rdev);
  out.stx_dev_major = major(s.st_dev);
  out.stx_dev_minor = minor(s.st_dev);
  return call.put(call.arg[4], out) ? 0 : -EFAULT;
}

int64_t sys_statfs(Call& c) { return stat_file_system<abi::Statfs>(c, true, c.arg[1]); }
int64_t sys_fstatfs(Call& c) { return stat_file_system<abi::Statfs>(c, false, c.arg[1]); }
// The caller tells the structure's size; Linux takes 84 and, from old programs, 88.
int64_t sys_statfs64(Call& c) {
  return c.arg[1] != 84 && c.arg[1] != 88 ? -EINVAL : stat_file_system<abi::Statfs64>(c, true, c.arg[2]);
}
int64_t sys_fstatfs64(Call& c) {
  return c.arg[1] != 84 && c.arg[1] != 88 ? -EINVAL : stat_file_system<abi::Statfs64>(c, false, c.arg[2]);
}

int64_t sys_access(Call& c) { return check_access(c, AT_FDCWD, c.arg[0], c.sarg(1), 0); }
int64_t sys_faccessat(Call& c) { return check_access(c, c.sarg(0), c.arg[1], c.sarg(2), 0); }
int64_t sys_faccessat2(Call& c) { return check_access(c, c.sarg(0), c.arg[1], c.sarg(2), c.sarg(3) & (AT_EACCESS | AT_SYMLINK_NOFOLLOW)); }
int64_t sys_readlink(Call& c) { return read_link(c, AT_FDCWD, c.arg[0], c.arg[1], c.arg[2]); }
int64_t sys_readlinkat(Call& c) { return read_link(c, c.sarg(0), c.arg[1], c.arg[2], c.arg[3]); }

int64_t sys_getcwd(Call& call) {
  std::string path;
  if (const int64_t result = call.kernel.file_system.current_directory(call.task, &path); result != 0) return result;
  if (path.size() + 1 > call.arg[1]) return -ERANGE;
  return call.task.space->write(call.arg[0], path.c_str(), path.size() + 1) ? static_cast<int64_t>(path.size() + 1) : -EFAULT;
}

int64_t sys_chdir(Call& call) {
  const Path path = resolve(call, AT_FDCWD, call.arg[0], true);
  if (path.error != 0) return path.error == -EPERM ? -EACCES : path.error;
  return change_directory(call, HostFd(openat(path.directory(), path.name(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
}

int64_t sys_fchdir(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr) return -EBADF;
  if (file->host_fd() < 0) return -ENOTDIR;
  return change_directory(call, HostFd(openat(file->host_fd(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC)));
}

int64_t sys_mkdir(Call& c) { return make_directory(c, AT_FDCWD, c.arg[0], c.arg[1]); }
int64_t sys_mkdirat(Call& c) { return make_directory(c, c.sarg(0), c.arg[1], c.arg[2]); }
int64_t sys_rmdir(Call& c) { return remove(c, AT_FDCWD, c.arg[0], AT_REMOVEDIR); }
int64_t sys_unlink(Call& c) { return remove(c, AT_FDCWD, c.arg[0], 0); }
int64_t sys_unlinkat(Call& c) { return remove(c, c.sarg(0), c.arg[1], c.sarg(2)); }
int64_t sys_rename(Call& c) { return rename_path(c, AT_FDCWD, c.arg[0], AT_FDCWD, c.arg[1], 0); }
int64_t sys_renameat(Call& c) { return rename_path(c, c.sarg(0), c.arg[1], c.sarg(2), c.arg[3], 0); }
int64_t sys_renameat2(Call& c) { return rename_path(c, c.sarg(0), c.arg[1], c.sarg(2), c.arg[3], c.arg[4]); }
int64_t sys_link(Call& c) { return link_path(c, AT_FDCWD, c.arg[0], AT_FDCWD, c.arg[1], 0); }
int64_t sys_linkat(Call& c) { return link_path(c, c.sarg(0), c.arg[1], c.sarg(2), c.arg[3], c.sarg(4)); }
int64_t sys_symlink(Call& c) { return symbolic_link(c, c.arg[0], AT_FDCWD, c.arg[1]); }
int64_t sys_symlinkat(Call& c) { return symbolic_link(c, c.arg[0], c.sarg(1), c.arg[2]); }
int64_t sys_mknod(Call& c) { return make_node(c, AT_FDCWD, c.arg[0], c.arg[1], c.arg[2]); }
int64_t sys_mknodat(Call& c) { return make_node(c, c.sarg(0), c.arg[1], c.arg[2], c.arg[3]); }
int64_t sys_chmod(Call& c) { return change_mode(c, AT_FDCWD, c.arg[0], c.arg[1]); }
int64_t sys_fchmodat(Call& c) { return change_mode(c, c.sarg(0), c.arg[1], c.arg[2]); }

int64_t sys_fchmod(Call& call) {
  const auto file = call.file(0);
  if (file == nullptr || (file->flags & O_PATH) != 0) return -EBADF;
  return file->host_fd() < 0 ? 0 : errno_of(fchmod(file->host_fd(), call.arg[1] & 07777));
}

int64_t sys_chown16(Call& c) { return change_owner(c, AT_FDCWD, c.arg[0], wide_id(c.arg[1]), wide_id(c.arg[2]), 0); }
int64_t sys_lchown16(Call& c) { return change_owner(c, AT_FDCWD, c.arg[0], wide_id(c.arg[1]), wide_id(c.arg[2]), AT_SYMLINK_NOFOLLOW); }
int64_t sys_fchown16(Call& c) { return change_owner_fd(c, wide_id(c.arg[1]), wide_id(c.arg[2])); }
int64_t sys_chown32(Call& c) { return change_owner(c, AT_FDCWD, c.arg[0], c.arg[1], c.arg[2], 0); }
int64_t sys_lchown32(Call& c) { return change_owner(c, AT_FDCWD, c.arg[0], c.arg[1], c.arg[2], AT_SYMLINK_NOFOLLOW); }
int64_t sys_fchown32(Call& c) { return change_owner_fd(c, c.arg[1], c.arg[2]); }
int64_t sys_fchownat(Call& c) {
  if ((c.sarg(4) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  return change_owner(c, c.sarg(0), c.arg[1], c.arg[2], c.arg[3], c.sarg(4));
}

int64_t sys_umask(Call& call) {
  const uint32_t old = call.task.fs->umask;
  call.task.fs->umask = call.arg[0] & 0777;
  return old;
}

int64_t sys_utime(Call& call) {
  if (call.arg[1] == 0) return set_times(call, AT_FDCWD, call.arg[0], nullptr, 0);
  int32_t in[2];
  if (!call.get(call.arg[1], &in)) return -EFAULT;
  const timespec times[2] = {{in[0], 0}, {in[1], 0}};
  return set_times(call, AT_FDCWD, call.arg[0], times, 0);
}
int64_t sys_utimes(Call& c) { return set_times_of<abi::Timeval32>(c, AT_FDCWD, c.arg[0], c.arg[1], 0); }
int64_t sys_futimesat(Call& c) { return set_times_of<abi::Timeval32>(c, c.sarg(0), c.arg[1], c.arg[2], 0); }
int64_t sys_utimensat(Call& c) { return set_times_of<abi::Timespec32>(c, c.sarg(0), c.arg[1], c.arg[2], c.sarg(3)); }
int64_t sys_utimensat_time64(Call& c) { return set_times_of<abi::Timespec64>(c, c.sarg(0), c.arg[1], c.arg[2], c.sarg(3)); }

int64_t sys_getdents(Call& call) { return list_directory(call, false); }
int64_t sys_getdents64(Call& call) { return list_directory(call, true); }

}  // namespace chrysalis::sim::kernel
