// Guest paths to host files.
//
// Without a sysroot a guest path is a host path. With one:
//  - an absolute path is looked up in the sysroot first, component by component; symbolic links met there,
//    absolute ones included, resolve within it, and ".." does not leave it;
//  - what the sysroot does not have is the host's, so that /tmp and the user's files stay in reach; a file that
//    exists in neither is created in the sysroot if its directory exists there, else on the host;
//  - relative paths start where the working directory (or the descriptor) is: in the sysroot they stay in it.
//
// Named pipes connect guest processes only: their names are the host's, their content is ours, since waiting in the
// host for another guest process would never end.
//
// The folder of the program that is run goes by the name /.program: where it lies on the host is not for the guest
// to see (static glibc programs look at /proc/self/exe), or a copy elsewhere would take other cycles.
//
// Made by the personality instead of the host's: /dev/random, /dev/urandom, /dev/fd, /dev/stdin and its like,
// and /proc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/linux/file.h"
#include "sim/linux/task.h"

namespace chrysalis::sim::kernel {

class Kernel;

/// A path made ready for the host's *at() calls.
struct Located {
  int error = 0;     ///< errno, 0 if fine
  int directory = -1;
  std::string name;
  HostFd hold;       ///< keeps `directory` open where it is ours
};

class FileSystem {
 public:
  FileSystem(Kernel& kernel, std::string sysroot);

  /// nothing, or why the sysroot cannot be used.
  std::optional<std::string> open_sysroot();

  /// Resolves `path` against descriptor `directory` (AT_FDCWD: the working directory).
  /// `follow`: the last component, if a symbolic link, is followed.
  Located locate(const Task& task, int directory, const std::string& path, bool follow) const;

  /// open() in the host's terms.
  int64_t open(Task& task, int directory, const std::string& path, int flags, uint32_t mode,
               std::shared_ptr<File>* file);
  int64_t stat(Task& task, int directory, const std::string& path, int flags, struct stat* status);
  int64_t read_link(Task& task, int directory, const std::string& path, std::string* target);
  /// The working directory as the guest sees it.
  int64_t current_directory(const Task& task, std::string* path) const;
  /// The guest's name of the file open at `host_fd`, empty if it has none.
  std::string guest_path(int host_fd) const;

  /// Names the folder of the host file `program` /.program from now on.
  void set_program(const std::string& program);
  /// What /proc/self/exe shows for a program open at `host_fd`.
  std::string program_path(int host_fd) const;

  /// Whether `path` is one that the personality makes; `*text` is then its content, if it is a file.
  struct Virtual {
    enum class Kind { None, Missing, Text, Directory, Link, Random, Descriptor } kind = Kind::None;
    std::string content;  ///< of a file; a link's target
    std::vector<DirectoryEntry> entries;
    std::shared_ptr<File> file;  ///< Descriptor: an open file by its number
  };
  Virtual virtual_file(const Task& task, int directory, const std::string& path) const;

 private:
  int64_t open_fifo(Task& task, const struct stat& status, int flags, std::shared_ptr<File>* file);
  Located walk(int start, bool absolute, const std::string& path, bool follow) const;
  bool inside_sysroot(int host_fd) const;
  Virtual proc_file(const Task& task, std::string_view rest) const;
  Virtual proc_process(const Task& task, const Group& group, std::string_view name) const;

  Kernel& kernel_;
  std::string sysroot_;  // canonical
  std::string program_folder_;
  HostFd root_;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<Pipe>> fifos_;
};

}  // namespace chrysalis::sim::kernel
