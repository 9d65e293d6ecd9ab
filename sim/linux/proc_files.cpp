// What /proc shows: the guest's own processes and clock, nothing of the host's.
#include <dirent.h>

#include <charconv>

#include <fmt/format.h>

#include "sim/linux/kernel.h"

namespace chrysalis::sim::kernel {
namespace {

using Virtual = FileSystem::Virtual;

Virtual text(std::string content) { return {Virtual::Kind::Text, std::move(content), {}, {}}; }

Virtual link(std::string target) { return {Virtual::Kind::Link, std::move(target), {}, {}}; }

Virtual directory(std::initializer_list<std::pair<const char*, uint8_t>> items) {
  Virtual result{Virtual::Kind::Directory, {}, {{1, DT_DIR, "."}, {1, DT_DIR, ".."}}, {}};
  for (const auto& [name, type] : items) result.entries.push_back({result.entries.size(), type, name});
  return result;
}

std::string maps_of(const AddressSpace& space) {
  std::string result;
  for (const auto& [start, area] : space.areas()) {
    std::string line = fmt::format("{:08x}-{:08x} {}{}{}{} {:08x} 00:00 0 ", start, area.end, (area.prot & 1) != 0 ? 'r' : '-',
                                   (area.prot & 2) != 0 ? 'w' : '-', (area.prot & 4) != 0 ? 'x' : '-',
                                   area.shared ? 's' : 'p', area.object_offset);
    if (!area.name.empty()) line = fmt::format("{:<73}{}", line, area.name);
    result += line + "\n";
  }
  return result;
}

const Task* any_task(const Kernel& kernel, const Group& group) {
  for (const auto& [tid, task] : kernel.tasks)
    if (task->group.get() == &group && !task->exited) return task.get();
  return nullptr;
}

char state_of(const Kernel& kernel, const Group& group, const Task* task) {
  if (group.zombie || task == nullptr) return 'Z';
  if (group.stopped) return 'T';
  return task == kernel.current ? 'R' : 'S';
}

}  // namespace

FileSystem::Virtual FileSystem::proc_process(const Task& task, const Group& group, std::string_view name) const {
  const Task* member = task.group.get() == &group ? &task : any_task(kernel_, group);
  const std::string comm = member != nullptr ? member->name : "";
  const auto pages = [&] { return member == nullptr ? 0 : member->space->mapped_bytes() / kPageSize; };
  const auto resident = [&] { return member == nullptr ? 0 : member->space->resident_pages(); };
  const int64_t ticks = kernel_.to_ns(kernel_.cpu_cycles(group)) / 10'000'000;
  if (name.empty())
    return directory({{"cmdline", DT_REG}, {"comm", DT_REG}, {"cwd", DT_LNK}, {"exe", DT_LNK}, {"fd", DT_DIR},
                      {"maps", DT_REG}, {"mounts", DT_REG}, {"stat", DT_REG}, {"statm", DT_REG}, {"status", DT_REG}});
  if (name == "exe") return link(group.program);
  if (name == "comm") return text(comm + "\n");
  if (name == "mounts") return text("/dev/root / ext4 rw 0 0\nproc /proc proc rw 0 0\n");
  if (name == "cmdline") {
    std::string content;
    for (const std::string& argument : group.arguments) content.append(argument.c_str(), argument.size() + 1);
    return text(content);
  }
  if (name == "statm") return text(fmt::format("{} {} 0 0 0 {} 0\n", pages(), resident(), pages()));
  if (name == "stat")
    return text(fmt::format("{} ({}) {} {} {} {} 0 -1 0 0 0 0 0 {} 0 0 0 20 0 {} 0 {} {} {} 4294967295 0 0 0 0 0 0 0 0 0 0 0 0 "
                            "17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                            group.pid, comm, state_of(kernel_, group, member), group.parent, group.pgid, group.sid, ticks,
                            group.live_threads, kernel_.to_ns(group.start_cycle) / 10'000'000, pages() * kPageSize,
                            resident()));
  if (name == "status")
    return text(fmt::format("Name:\t{}\nState:\t{}\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\nVmSize:\t{:8} kB\nVmRSS:\t{:8} kB\nThreads:\t{}\n",
                            comm, state_of(kernel_, group, member), group.pid, group.pid, group.parent,
                            pages() * (kPageSize / 1024), resident() * (kPageSize / 1024), group.live_threads));
  if (member == nullptr) return {Virtual::Kind::Missing, {}, {}, {}};
  if (name == "maps") return text(maps_of(*member->space));
  if (name == "cwd") {
    std::string path;
    current_directory(*member, &path);
    return link(path);
  }
  if (name == "fd") {
    Virtual result = directory({});
    for (size_t fd = 0; fd < member->files->size(); ++fd)
      if (member->files->get(static_cast<int>(fd)) != nullptr) result.entries.push_back({fd + 2, DT_LNK, std::to_string(fd)});
    return result;
  }
  if (name.starts_with("fd/")) {
    int fd = -1;
    const std::string_view digits = name.substr(3);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), fd).ptr != digits.data() + digits.size()) fd = -1;
    const auto file = member->files->get(fd);
    if (file != nullptr) return {Virtual::Kind::Descriptor, {}, {}, file};
  }
  return {Virtual::Kind::Missing, {}, {}, {}};
}

FileSystem::Virtual FileSystem::proc_file(const Task& task, std::string_view rest) const {
  const int64_t now = kernel_.now_ns();
  const uint64_t total = kernel_.memory.frame_count() * uint64_t{kPageSize} / 1024;
  const uint64_t available = kernel_.memory.free_frames() * uint64_t{kPageSize} / 1024;
  if (rest.empty()) {
    Virtual result = directory({{"cpuinfo", DT_REG}, {"filesystems", DT_REG}, {"loadavg", DT_REG}, {"meminfo", DT_REG},
                                {"mounts", DT_LNK}, {"self", DT_LNK}, {"stat", DT_REG}, {"uptime", DT_REG}, {"version", DT_REG}});
    for (const auto& [pid, group] : kernel_.groups)
      result.entries.push_back({static_cast<uint64_t>(pid) + 100, DT_DIR, std::to_string(pid)});
    return result;
  }
  if (rest == "self") return link(fmt::format("/proc/{}", task.group->pid));
  if (rest == "mounts") return link("/proc/self/mounts");
  if (rest == "uptime") return text(fmt::format("{}.{:02} 0.00\n", now / kSecond, now % kSecond / 10'000'000));
  if (rest == "loadavg") return text("0.00 0.00 0.00 1/1 1\n");
  if (rest == "filesystems") return text("nodev\trootfs\nnodev\tproc\n");
  if (rest == "version") return text("Linux version 6.1.0 (chrysalis) #1 SMP\n");
  if (rest == "stat")
    return text(fmt::format("cpu  {0} 0 0 0 0 0 0 0 0 0\ncpu0 {0} 0 0 0 0 0 0 0 0 0\nbtime {1}\nprocesses {2}\n", now / 10'000'000,
                            kernel_.config.epoch, kernel_.next_pid() - kFirstPid));
  if (rest == "meminfo")
    return text(fmt::format("MemTotal:       {:8} kB\nMemFree:        {:8} kB\nMemAvailable:   {:8} kB\nBuffers:        {:8} kB\n"
                            "Cached:         {:8} kB\nSwapTotal:      {:8} kB\nSwapFree:       {:8} kB\n",
                            total, available, available, 0, 0, 0, 0));
  if (rest == "cpuinfo")
    return text(fmt::format("processor\t: 0\nvendor_id\t: Chrysalis\ncpu MHz\t\t: {:.3f}\n\n", static_cast<double>(kernel_.config.frequency) / 1e6));
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view first = rest.substr(0, slash);
  const std::string_view name = slash < rest.size() ? rest.substr(slash + 1) : std::string_view{};
  if (first == "self" || first == "thread-self") return proc_process(task, *task.group, name);
  int pid = -1;
  if (std::from_chars(first.data(), first.data() + first.size(), pid).ptr == first.data() + first.size())
    if (const auto group = kernel_.find_group(pid)) return proc_process(task, *group, name);
  return {Virtual::Kind::Missing, {}, {}, {}};
}

}  // namespace chrysalis::sim::kernel
