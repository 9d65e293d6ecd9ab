#include "sim/linux/syscalls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace chrysalis::sim::kernel {
namespace {

struct Name {
  uint32_t number;
  const char* name;
};
constexpr Name kNames[] = {
#define SYSCALL_NUMBER(name, number) {number, #name},
#include "sim/linux/syscall_numbers.inc"
#undef SYSCALL_NUMBER
};

enum Number : uint32_t {
#define SYSCALL_NUMBER(name, number) kNumber_##name = number,
#include "sim/linux/syscall_numbers.inc"
#undef SYSCALL_NUMBER
};

struct Entry {
  int64_t (*handler)(Call&);
  bool restart;
};

constexpr size_t kTableSize = 512;
constexpr std::array<Entry, kTableSize> make_table() {
  std::array<Entry, kTableSize> table{};
#define SYSCALL(name, restart) table[kNumber_##name] = {sys_##name, (restart) != 0};
#define SYSCALL_AS(name, handler, restart) table[kNumber_##name] = {sys_##handler, (restart) != 0};
#include "sim/linux/syscalls.def"
#undef SYSCALL
#undef SYSCALL_AS
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

const char* syscall_name(uint32_t number) {
  const auto found = std::find_if(std::begin(kNames), std::end(kNames), [&](const Name& n) { return n.number == number; });
  return found == std::end(kNames) ? "?" : found->name;
}

bool restarts(uint32_t number) { return number < kTableSize && kTable[number].restart; }

int64_t dispatch(Call& call) {
  if (call.number < kTableSize && kTable[call.number].handler != nullptr) return kTable[call.number].handler(call);
  call.kernel.report_unsupported(call.number, syscall_name(call.number));
  return -ENOSYS;
}

int Call::path(uint32_t address, std::string* result) {
  bool too_long = false;
  auto text = task.space->read_string(address, PATH_MAX, &too_long);
  if (!text) return too_long ? ENAMETOOLONG : EFAULT;
  *result = std::move(*text);
  return 0;
}

bool deadline_passed(Call& call, std::optional<int64_t> nanoseconds) {
  Wait& wait = call.task.wait;
  if (!call.again && nanoseconds) wait.deadline_ns = call.kernel.now_ns() + *nanoseconds;
  return wait.deadline_ns && call.kernel.now_ns() >= *wait.deadline_ns;
}

}  // namespace chrysalis::sim::kernel
