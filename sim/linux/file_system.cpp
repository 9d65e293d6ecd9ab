#include "sim/linux/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <deque>

#include <fmt/format.h>

#include "sim/linux/kernel.h"

namespace chrysalis::sim::kernel {
namespace {

constexpr int kMaxLinks = 40;
constexpr std::string_view kProgramFolder = "/.program";

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> result;
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at) result.emplace_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return result;
}

bool same_file(int a, int b) {
  struct stat left, right;
  return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

bool exists(int directory, const std::string& name) {
  struct stat status;
  return fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Located failed(int error) {
  Located result;
  result.error = error;
  return result;
}

// Whether `path` is `prefix` or below it.
bool below(std::string_view path, std::string_view prefix) {
  return path.substr(0, prefix.size()) == prefix && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

FileSystem::FileSystem(Kernel& kernel, std::string sysroot) : kernel_(kernel), sysroot_(std::move(sysroot)) {}

std::optional<std::string> FileSystem::open_sysroot() {
  if (sysroot_.empty()) return std::nullopt;
  root_ = HostFd(::open(sysroot_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root_.get() < 0) return fmt::format("--sysroot {}: {}; it must be a directory", sysroot_, describe_error(errno));
  char* canonical = realpath(sysroot_.c_str(), nullptr);
  if (canonical != nullptr) sysroot_ = canonical;
  std::free(canonical);
  return std::nullopt;
}

bool FileSystem::inside_sysroot(int host_fd) const {
  if (root_.get() < 0) return false;
  char name[PATH_MAX];
  const ssize_t size = readlink(fmt::format("/proc/self/fd/{}", host_fd).c_str(), name, sizeof name);
  return size > 0 && below({name, static_cast<size_t>(size)}, sysroot_);
}

std::string FileSystem::guest_path(int host_fd) const {
  char name[PATH_MAX];
  const ssize_t size = readlink(fmt::format("/proc/self/fd/{}", host_fd).c_str(), name, sizeof name);
  if (size <= 0) return {};
  std::string_view path(name, static_cast<size_t>(size));
  if (root_.get() >= 0 && below(path, sysroot_)) path.remove_prefix(sysroot_.size());
  return path.empty() ? "/" : std::string(path);
}

void FileSystem::set_program(const std::string& program) {
  char* canonical = realpath(program.c_str(), nullptr);
  if (canonical == nullptr) return;  // its opening tells why
  program_folder_ = canonical;
  std::free(canonical);
  program_folder_.resize(program_folder_.rfind('/'));
}

std::string FileSystem::program_path(int host_fd) const {
  const std::string path = guest_path(host_fd);
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || inside_sysroot(host_fd) || path.substr(0, slash) != program_folder_) return path;
  return std::string(kProgramFolder) + path.substr(slash);
}

int64_t FileSystem::current_directory(const Task& task, std::string* path) const {
  constexpr std::string_view kDeleted = " (deleted)";
  *path = guest_path(task.fs->cwd.get());
  if (path->empty() || path->ends_with(kDeleted)) return -ENOENT;
  return 0;
}

// Follows `path` from descriptor `start` within the sysroot, one component at a time.
Located FileSystem::walk(int start, bool absolute, const std::string& path, bool follow) const {
  HostFd position(openat(absolute ? root_.get() : start, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (position.get() < 0) return failed(errno);
  std::vector<std::string> first = components_of(path);
  std::deque<std::string> left(first.begin(), first.end());
  const bool wants_directory = !path.empty() && path.back() == '/';
  std::string name = ".";
  int links = 0;
  while (!left.empty()) {
    name = left.front();
    left.pop_front();
    const bool last = left.empty();
    if (name == ".") continue;
    if (name == "..") {
      if (!same_file(position.get(), root_.get())) {
        HostFd parent(openat(position.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (parent.get() < 0) return failed(errno);
        position = std::move(parent);
      }
      name = ".";
      continue;
    }
    char target[PATH_MAX];
    const ssize_t size = readlinkat(position.get(), name.c_str(), target, sizeof target - 1);
    if (size >= 0 && (!last || follow || wants_directory)) {
      if (++links > kMaxLinks) return failed(ELOOP);
      target[size] = '\0';
      const std::vector<std::string> inserted = components_of(target);
      left.insert(left.begin(), inserted.begin(), inserted.end());
      if (target[0] == '/') {
        HostFd top(openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        position = std::move(top);
      }
      name = ".";
      continue;
    }
    if (last) break;
    HostFd next(openat(position.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) return failed(errno);
    position = std::move(next);
    name = ".";
  }
  Located result;
  result.name = wants_directory && name != "." ? name + "/" : name;
  result.directory = position.get();
  result.hold = std::move(position);
  return result;
}

Located FileSystem::locate(const Task& task, int directory, const std::string& path, bool follow) const {
  if (path.empty()) return failed(ENOENT);
  Located host;
  host.name = path;
  if (path[0] == '/') {
    host.directory = AT_FDCWD;
    if (below(path, kProgramFolder)) {
      host.name = program_folder_ + path.substr(kProgramFolder.size());
      if (host.name.empty()) host.name = "/";
      return host;
    }
    if (root_.get() < 0) return host;
    Located inside = walk(-1, true, path, follow);
    if (inside.error == 0 && exists(inside.directory, inside.name)) return inside;
    if (inside.error != 0 && inside.error != ENOENT && inside.error != ENOTDIR) return inside;
    if (exists(AT_FDCWD, path) || inside.error != 0) return host;
    return inside;
  }
  if (directory == AT_FDCWD) {
    host.directory = task.fs->cwd.get();
  } else {
    const auto file = task.files->get(directory);
    if (file == nullptr) return failed(EBADF);
    host.directory = file->host_fd();
    if (host.directory < 0) return failed(ENOTDIR);
  }
  return inside_sysroot(host.directory) ? walk(host.directory, false, path, follow) : std::move(host);
}

int64_t FileSystem::open(Task& task, int directory, const std::string& path, int flags, uint32_t mode,
                         std::shared_ptr<File>* file) {
  Virtual made = virtual_file(task, directory, path);
  switch (made.kind) {
    case Virtual::Kind::None: break;
    case Virtual::Kind::Missing: return -ENOENT;
    case Virtual::Kind::Link: return open(task, AT_FDCWD, made.content, flags, mode, file);
    case Virtual::Kind::Text:
      if ((flags & O_ACCMODE) != O_RDONLY) return -EACCES;
      if ((flags & O_DIRECTORY) != 0) return -ENOTDIR;
      *file = std::make_shared<TextFile>(std::move(made.content));
      break;
    case Virtual::Kind::Directory:
      if ((flags & O_ACCMODE) != O_RDONLY) return -EISDIR;
      *file = std::make_shared<ListFile>(std::move(made.entries));
      break;
    case Virtual::Kind::Random: *file = std::make_shared<RandomFile>(kernel_.random); break;
    case Virtual::Kind::Descriptor: {
      // Opened anew, as Linux does, where there is a file to open; pipes are shared.
      if (made.file->host_fd() < 0) {
        *file = made.file;
        return 0;
      }
      HostFd fd(::open(fmt::format("/proc/self/fd/{}", made.file->host_fd()).c_str(), (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY));
      if (fd.get() < 0) return -errno;
      *file = std::make_shared<HostFile>(std::move(fd), flags);
      (*file)->path = made.file->path;
      return 0;
    }
  }
  if (*file != nullptr) {
    (*file)->flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    (*file)->path = path;
    return 0;
  }
  const Located at = locate(task, directory, path, (flags & O_NOFOLLOW) == 0 && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL));
  if (at.error != 0) return -at.error;
  struct stat status;
  if ((flags & O_PATH) == 0 && fstatat(at.directory, at.name.c_str(), &status, 0) == 0 && S_ISFIFO(status.st_mode)) {
    const int mode_bits = (flags & O_ACCMODE) == O_RDONLY ? R_OK : (flags & O_ACCMODE) == O_WRONLY ? W_OK : R_OK | W_OK;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return -EEXIST;
    if (faccessat(at.directory, at.name.c_str(), mode_bits, AT_EACCESS) != 0) return -errno;
    return open_fifo(task, status, flags, file);
  }
  // Without a controlling terminal of its own the guest never gets the simulator's.
  const UmaskScope umask(task.fs->umask);
  HostFd fd(openat(at.directory, at.name.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode));
  if (fd.get() < 0) return errno == EINTR ? kHostInterrupted : -errno;
  *file = std::make_shared<HostFile>(std::move(fd), flags);
  (*file)->path = guest_path((*file)->host_fd());
  return 0;
}

int64_t FileSystem::open_fifo(Task& task, const struct stat& status, int flags, std::shared_ptr<File>* file) {
  std::erase_if(fifos_, [](const auto& item) { return item.second.expired(); });
  auto& slot = fifos_[{status.st_dev, status.st_ino}];
  auto pipe = slot.lock();
  if (pipe == nullptr) slot = pipe = std::make_shared<Pipe>();
  const int access = flags & O_ACCMODE;
  const bool writing = access == O_WRONLY;
  Wait& wait = task.wait;
  if (wait.opening == nullptr) {
    if (writing && (flags & O_NONBLOCK) != 0 && pipe->readers == 0) return -ENXIO;
    wait.opened_before = writing ? pipe->readers_ever : pipe->writers_ever;
    wait.opening = std::make_shared<PipeFile>(pipe, access, status.st_ino);
    wait.opening->flags |= flags & (O_NONBLOCK | O_APPEND);
    ++kernel_.activity;
  }
  // Who holds both ends by O_RDWR waits for nobody.
  const bool partner = access == O_RDWR || (writing ? pipe->readers > 0 || pipe->readers_ever > wait.opened_before
                                               : pipe->writers > 0 || pipe->writers_ever > wait.opened_before);
  if (!partner && (flags & O_NONBLOCK) == 0) return kBlock;
  *file = std::move(wait.opening);
  return 0;
}

int64_t FileSystem::stat(Task& task, int directory, const std::string& path, int flags, struct stat* status) {
  if (path.empty() && (flags & AT_EMPTY_PATH) != 0) {
    if (directory == AT_FDCWD) return fstat(task.fs->cwd.get(), status) == 0 ? 0 : -errno;
    const auto file = task.files->get(directory);
    return file == nullptr ? -EBADF : file->stat(status);
  }
  const Virtual made = virtual_file(task, directory, path);
  if (made.kind == Virtual::Kind::Missing) return -ENOENT;
  if (made.kind == Virtual::Kind::Link && (flags & AT_SYMLINK_NOFOLLOW) == 0)
    return stat(task, AT_FDCWD, made.content, flags, status);
  if (made.kind == Virtual::Kind::Descriptor && (flags & AT_SYMLINK_NOFOLLOW) == 0) return made.file->stat(status);
  if (made.kind != Virtual::Kind::None) {
    std::shared_ptr<File> file;
    if (made.kind == Virtual::Kind::Directory) file = std::make_shared<ListFile>(std::vector<DirectoryEntry>{});
    else if (made.kind == Virtual::Kind::Random) file = std::make_shared<RandomFile>(kernel_.random);
    else file = std::make_shared<TextFile>("");
    file->path = path;
    const int64_t result = file->stat(status);
    if (made.kind == Virtual::Kind::Link || made.kind == Virtual::Kind::Descriptor) status->st_mode = S_IFLNK | 0777;
    return result;
  }
  const Located at = locate(task, directory, path, (flags & AT_SYMLINK_NOFOLLOW) == 0);
  if (at.error != 0) return -at.error;
  return fstatat(at.directory, at.name.c_str(), status, flags & (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) == 0 ? 0 : -errno;
}

int64_t FileSystem::read_link(Task& task, int directory, const std::string& path, std::string* target) {
  const Virtual made = virtual_file(task, directory, path);
  if (made.kind == Virtual::Kind::Missing) return -ENOENT;
  if (made.kind == Virtual::Kind::Link) {
    *target = made.content;
    return 0;
  }
  if (made.kind == Virtual::Kind::Descriptor) {
    *target = made.file->path.empty() ? "anon_inode:[file]" : made.file->path;
    return 0;
  }
  if (made.kind != Virtual::Kind::None) return -EINVAL;
  const Located at = locate(task, directory, path, false);
  if (at.error != 0) return -at.error;
  char text[PATH_MAX];
  const ssize_t size = readlinkat(at.directory, at.name.c_str(), text, sizeof text);
  if (size < 0) return -errno;
  target->assign(text, static_cast<size_t>(size));
  return 0;
}

FileSystem::Virtual FileSystem::virtual_file(const Task& task, int directory, const std::string& path) const {
  Virtual result;
  std::string full = path;
  if (path.empty()) return result;
  if (path[0] != '/') {
    // Relative to a directory that the personality made.
    const auto base = directory == AT_FDCWD ? nullptr : task.files->get(directory);
    if (base == nullptr || base->host_fd() >= 0 || base->entries() == nullptr) return result;
    full = base->path + "/" + path;
  }
  const std::vector<std::string> parts = components_of(full);
  if (parts.empty()) return result;
  if (parts[0] == "dev" && parts.size() == 2 && (parts[1] == "random" || parts[1] == "urandom")) {
    result.kind = Virtual::Kind::Random;
    return result;
  }
  if (parts[0] == "dev" && parts.size() == 2) {
    const std::string_view name = parts[1];
    const int fd = name == "stdin" ? 0 : name == "stdout" ? 1 : name == "stderr" ? 2 : -1;
    if (fd >= 0) return proc_file(task, fmt::format("self/fd/{}", fd));
  }
  if (parts[0] == "dev" && parts.size() == 3 && parts[1] == "fd") return proc_file(task, "self/fd/" + parts[2]);
  if (parts[0] != "proc") return result;
  std::string rest;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == ".") continue;
    if (parts[i] == "..") return result;
    rest += (rest.empty() ? "" : "/") + parts[i];
  }
  return proc_file(task, rest);
}

}  // namespace chrysalis::sim::kernel
