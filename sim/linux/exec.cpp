// Starting programs: the first one, and execve(). Loading itself is elf_loader.cpp's.
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "sim/linux/elf_loader.h"
#include "sim/linux/kernel.h"
#include "sim/linux/signal_frame.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

// Where Linux puts a position-independent program that has an interpreter, and the break of one that has
// none, when randomisation is off.
constexpr uint32_t kPieBase = 0x5655'5000;
constexpr size_t kMaxStringBytes = 2 << 20;   // a quarter of the stack limit
constexpr size_t kMaxStringLength = 128 << 10;
constexpr int kMaxScriptDepth = 4;
constexpr size_t kScriptLine = 256;
constexpr int kClockTicks = 100;
constexpr uint32_t kAtMinSigStack = 51;

/// What an execve() path leads to, once "#!" lines are followed.
struct Program {
  HostFd file;
  std::string guest_path;
  ElfImage image;
  HostFd interpreter_file;
  ElfImage interpreter;
};

int64_t refuse(const ElfError& error, std::string* reason) {
  *reason = error.reason;
  return -error.error;
}

// Opens `path` for execution.
int64_t open_program(Kernel& kernel, Task& task, const std::string& path, HostFd* file, std::string* reason) {
  // /proc/self/exe is how some programs start themselves again.
  const auto made = kernel.file_system.virtual_file(task, AT_FDCWD, path);
  const bool is_link = made.kind == FileSystem::Virtual::Kind::Link && !made.content.empty();
  const Located at = kernel.file_system.locate(task, AT_FDCWD, is_link ? made.content : path, true);
  int error = at.error;
  if (error == 0) {
    *file = HostFd(openat(at.directory, at.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file->get() < 0) error = errno;
  }
  if (error == 0) {
    struct stat status;
    fstat(file->get(), &status);
    if (S_ISDIR(status.st_mode)) return refuse({EACCES, "a directory, not a program"}, reason);
    if (!S_ISREG(status.st_mode)) return refuse({EACCES, "not a regular file"}, reason);
    if (faccessat(at.directory, at.name.c_str(), X_OK, AT_EACCESS) != 0)
      return refuse({EACCES, "not executable (its permissions)"}, reason);
    return 0;
  }
  *reason = describe_error(error);
  return -error;
}

int64_t find_program(Kernel& kernel, Task& task, const std::string& path, std::vector<std::string>* arguments,
                     Program* program, std::string* reason) {
  std::string next = path;
  for (int depth = 0;; ++depth) {
    if (const int64_t result = open_program(kernel, task, next, &program->file, reason); result < 0) return result;
    char line[kScriptLine] = {};
    const ssize_t count = pread(program->file.get(), line, sizeof line - 1, 0);
    if (count < 2 || line[0] != '#' || line[1] != '!') break;
    if (depth == kMaxScriptDepth) return refuse({ELOOP, "a script whose interpreter is a script, too deeply"}, reason);
    std::string_view text(line + 2);
    text = text.substr(0, text.find('\n'));
    constexpr std::string_view kBlank = " \t";
    const auto trim = [&](std::string_view s) {
      const size_t begin = s.find_first_not_of(kBlank);
      if (begin == std::string_view::npos) return std::string_view{};
      return s.substr(begin, s.find_last_not_of(kBlank) - begin + 1);
    };
    text = trim(text);
    if (text.empty()) return refuse({ENOEXEC, "a script that names no interpreter"}, reason);
    const size_t end = std::min(text.find_first_of(kBlank), text.size());
    const std::string_view argument = trim(text.substr(end));
    if (arguments->empty()) arguments->emplace_back();
    arguments->front() = next;
    if (!argument.empty()) arguments->insert(arguments->begin(), std::string(argument));
    next = std::string(text.substr(0, end));
    arguments->insert(arguments->begin(), next);
  }
  program->guest_path = kernel.file_system.program_path(program->file.get());
  if (const ElfError error = read_elf(program->file.get(), &program->image); error.error != 0) return refuse(error, reason);
  const std::string& interpreter = program->image.interpreter;
  if (interpreter.empty()) return 0;
  std::string why;
  int64_t result = open_program(kernel, task, interpreter, &program->interpreter_file, &why);
  if (result == 0) {
    const ElfError error = read_elf(program->interpreter_file.get(), &program->interpreter);
    result = -error.error;
    why = error.reason;
  }
  if (result < 0)
    *reason = fmt::format("dynamically linked, and its interpreter {} cannot be used: {} (a --sysroot may provide it)",
                          interpreter, why);
  return result;
}

/// Pushes strings and words down from the top of a new stack.
class StackBuilder {
 public:
  explicit StackBuilder(AddressSpace& space, uint32_t top) : space_(space), sp_(top) {}
  uint32_t push(const void* data, size_t size) {
    sp_ -= static_cast<uint32_t>(size);
    ok_ &= space_.write(sp_, data, size);
    return sp_;
  }
  uint32_t push(const std::string& text) { return push(text.c_str(), text.size() + 1); }
  void align(uint32_t boundary) { sp_ &= ~(boundary - 1); }
  uint32_t sp() const { return sp_; }
  bool ok() const { return ok_; }

 private:
  AddressSpace& space_;
  uint32_t sp_;
  bool ok_ = true;
};

}  // namespace

int64_t Kernel::execute(Task& task, const std::string& path, const std::string& name, std::vector<std::string> arguments,
                        const std::vector<std::string>& environment, std::string* reason) {
  Program program;
  if (const int64_t result = find_program(*this, task, path, &arguments, &program, reason); result < 0) return result;
  size_t string_bytes = name.size();
  for (const std::vector<std::string>* list : {&std::as_const(arguments), &environment})
    for (const std::string& text : *list) {
      string_bytes += text.size() + 1 + sizeof(uint32_t);
      if (text.size() >= kMaxStringLength) string_bytes = kMaxStringBytes + 1;
    }
  if (string_bytes > kMaxStringBytes) return refuse({E2BIG, "its arguments and environment are too long"}, reason);

  // The new space is complete before the old one goes: a failure leaves the caller as it was.
  auto space = std::make_shared<AddressSpace>(memory);
  const auto no_memory = [&] { return refuse({ENOMEM, fmt::format("it does not fit into guest RAM ({} MiB)", config.ram_size >> 20)}, reason); };
  if (space->cr3() == 0) return no_memory();
  // Linux, arch/x86/include/asm/elf.h: a 32-bit program that says nothing of its stack predates the question.
  if (program.image.stack == ElfImage::Stack::Unsaid) space->set_read_implies_exec();
  space->add_stack(std::min<uint64_t>(task.group->limits[RLIMIT_STACK].rlim_cur, 0x4000'0000),
                   program.image.stack != ElfImage::Stack::Plain);

  // Chooses where a position-independent image goes: `base`, or anywhere if it is 0.
  const auto place = [&](const ElfImage& image, uint32_t base) -> int64_t {
    AddressSpace::MapRequest request;
    request.address = base;
    request.length = image.high - image.low;
    request.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const int64_t at = space->map(request);
    if (at >= 0) space->unmap(static_cast<uint32_t>(at), request.length);
    return at;
  };
  const auto map_image = [&](const HostFd& file, const ElfImage& image, uint32_t base, const std::string& area,
                             uint32_t* bias) -> int64_t {
    *bias = 0;
    if (image.position_independent) {
      const int64_t at = place(image, base);
      if (at < 0) return at;
      *bias = static_cast<uint32_t>(at) - image.low;
    }
    return load_elf(*space, image, objects.of_file(file.get(), false), *bias, area);
  };
  const bool dynamic = !program.image.interpreter.empty();
  uint32_t bias = 0, interpreter_bias = 0;
  if (map_image(program.file, program.image, dynamic ? kPieBase : 0, program.guest_path, &bias) < 0) return no_memory();
  if (dynamic && map_image(program.interpreter_file, program.interpreter, 0, program.image.interpreter, &interpreter_bias) < 0)
    return no_memory();
  if (space->add_trampoline() < 0) return no_memory();
  const auto image_end = static_cast<uint32_t>(page_ceil(program.image.high + bias));
  space->set_break_start(program.image.position_independent && !dynamic ? kPieBase : image_end);

  // Linux: setup_arg_pages(), create_elf_tables().
  StackBuilder stack(*space, kTaskSize - 8);
  const uint32_t file_name = stack.push(name);
  std::vector<uint32_t> argument_addresses, environment_addresses;
  for (auto text = environment.rbegin(); text != environment.rend(); ++text) environment_addresses.push_back(stack.push(*text));
  for (auto text = arguments.rbegin(); text != arguments.rend(); ++text) argument_addresses.push_back(stack.push(*text));
  stack.align(16);
  const uint32_t platform = stack.push("i686");
  uint8_t random_bytes[16];
  random.fill(random_bytes, sizeof random_bytes);
  const uint32_t random_address = stack.push(random_bytes, sizeof random_bytes);
  stack.align(16);

  const uint32_t entry = program.image.entry + bias;
  const auto frame_bound = static_cast<uint32_t>(sizeof(abi::SignalFrame) + sizeof(abi::FsaveState) + sizeof(abi::FxsaveState) + 80);
  std::vector<uint32_t> words;
  words.push_back(static_cast<uint32_t>(arguments.size()));
  words.insert(words.end(), argument_addresses.rbegin(), argument_addresses.rend());
  words.push_back(0);
  words.insert(words.end(), environment_addresses.rbegin(), environment_addresses.rend());
  words.push_back(0);
  const uint32_t auxiliary[][2] = {
      {kAtMinSigStack, frame_bound},
      {AT_HWCAP, config.hwcap},
      {AT_PAGESZ, kPageSize},
      {AT_CLKTCK, kClockTicks},
      {AT_PHDR, program.image.program_headers == 0 ? 0 : program.image.program_headers + bias},
      {AT_PHENT, sizeof(Elf32_Phdr)},
      {AT_PHNUM, program.image.program_header_count},
      {AT_BASE, interpreter_bias},
      {AT_FLAGS, 0},
      {AT_ENTRY, entry},
      {AT_UID, getuid()},
      {AT_EUID, geteuid()},
      {AT_GID, getgid()},
      {AT_EGID, getegid()},
      {AT_SECURE, 0},
      {AT_RANDOM, random_address},
      {AT_HWCAP2, 0},
      {AT_EXECFN, file_name},
      {AT_PLATFORM, platform},
      {AT_NULL, 0},
  };
  for (const auto& pair : auxiliary) words.insert(words.end(), {pair[0], pair[1]});
  const auto table_bytes = static_cast<uint32_t>(words.size() * sizeof(uint32_t));
  const uint32_t sp = (stack.sp() - table_bytes) & ~15u;
  if (!stack.ok() || !space->write(sp, words.data(), table_bytes)) return no_memory();

  // The point of no return.
  Group& group = *task.group;
  for (auto& [tid, other] : tasks)
    if (other.get() != &task && other->group.get() == &group) exit_thread(*other, 0);
  if (task.tid != group.pid) {
    // A thread that executes a program takes the process's number.
    tasks.erase(group.pid);
    auto node = tasks.extract(task.tid);
    node.key() = task.tid = group.pid;
    tasks.insert(std::move(node));
  }
  if (task.files.use_count() > 1) task.files = std::make_shared<FdTable>(*task.files);
  task.files->close_for_exec();
  task.space = std::move(space);
  release_vfork_parent(group);
  if (group.actions.use_count() > 1) group.actions = std::make_shared<SignalActions>(*group.actions);
  for (SignalAction& action : *group.actions) action = SignalAction{action.handler == 1 ? 1u : 0u, 0, 0, 0};
  task.alternate_sp = task.alternate_size = 0;
  task.alternate_flags = SS_DISABLE;
  task.clear_child_tid = 0;
  task.tls = {};
  task.name = std::filesystem::path(path).filename().string().substr(0, 15);
  group.program = program.guest_path;
  group.arguments = arguments;

  task.context = {};
  reset_fpu(task.context);
  task.set(GuestReg::Eip, dynamic ? program.interpreter.entry + interpreter_bias : entry);
  task.set(GuestReg::Esp, sp);
  task.set(GuestReg::SysFlags, 0x200);
  task.set(GuestReg::CsSel, abi::kUserCode);
  for (const GuestReg selector : {GuestReg::DsSel, GuestReg::EsSel, GuestReg::SsSel}) task.set(selector, abi::kUserData);
  // PE, MP, ET, NE, WP, AM, PG; OSFXSR and OSXMMEXCPT where there is FXSAVE.
  task.context.cr0 = 0x8005'0033;
  task.context.cr4 = has_fxsr() ? 0x600 : 0;
  return 0;
}

std::optional<std::string> Kernel::load(fw::Mailbox& mailbox) {
  if (const auto error = file_system.open_sysroot()) return error;
  file_system.set_program(config.program);
  // A guest's write to a closed pipe of the host must become the guest's SIGPIPE, not ours.
  signal(SIGPIPE, SIG_IGN);
  auto group = std::make_shared<Group>();
  group->pid = group->pgid = group->sid = kFirstPid;
  group->parent = 1;
  for (rlimit& limit : group->limits) limit = {RLIM_INFINITY, RLIM_INFINITY};
  group->limits[RLIMIT_STACK].rlim_cur = 8 << 20;
  group->limits[RLIMIT_CORE].rlim_cur = 0;
  group->limits[RLIMIT_NOFILE] = {1024, 4096};
  group->limits[RLIMIT_NPROC] = {1024, 1024};
  group->limits[RLIMIT_MEMLOCK] = {8 << 20, 8 << 20};
  group->limits[RLIMIT_SIGPENDING] = {1024, 1024};
  group->limits[RLIMIT_MSGQUEUE] = {819200, 819200};
  group->limits[RLIMIT_NICE] = group->limits[RLIMIT_RTPRIO] = {0, 0};
  groups[group->pid] = group;
  auto task = std::make_unique<Task>();
  task->tid = next_pid_++;
  task->group = group;
  group->live_threads = 1;
  task->files = std::make_shared<FdTable>();
  task->fs = std::make_shared<FsContext>();
  task->fs->cwd = HostFd(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  task->fs->umask = mask;
  for (int fd = 0; fd < 3; ++fd) {
    const int flags = fcntl(fd, F_GETFL);
    HostFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (flags < 0 || copy.get() < 0) continue;
    auto file = std::make_shared<HostFile>(std::move(copy), flags & ~O_NONBLOCK);
    file->path = file_system.guest_path(file->host_fd());
    task->files->set(fd, std::move(file), false);
  }
  current = task.get();
  tasks[task->tid] = std::move(task);

  std::string reason;
  const std::vector<std::string> arguments = config.args.empty() ? std::vector{config.program} : config.args;
  // The path stays out of the guest's memory: where the program lies must not move its stack.
  if (execute(*current, config.program, arguments.front(), arguments, config.env, &reason) < 0)
    return fmt::format("cannot run {}: {}", config.program, reason);
  current->context.cr3 = loaded_directory_ = current->space->cr3();
  mailbox.context = current->context;
  mailbox.no_execute = kNoExecute;
  for (auto& descriptor : mailbox.tls) descriptor = {};
  memory.note_flush();
  memory.report(mailbox);
  return std::nullopt;
}

}  // namespace chrysalis::sim::kernel
