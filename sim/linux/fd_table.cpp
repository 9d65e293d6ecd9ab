#include <cerrno>

#include "sim/linux/task.h"

namespace chrysalis::sim::kernel {

std::shared_ptr<File> FdTable::get(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < slots_.size() ? slots_[static_cast<size_t>(fd)].file : nullptr;
}

Descriptor* FdTable::find(int fd) {
  if (get(fd) == nullptr) return nullptr;
  return &slots_[static_cast<size_t>(fd)];
}

int64_t FdTable::add(std::shared_ptr<File> file, bool close_on_exec, int from, uint64_t limit) {
  if (from < 0) return -EINVAL;
  auto fd = static_cast<size_t>(from);
  while (fd < slots_.size() && slots_[fd].file != nullptr) ++fd;
  if (fd >= limit) return -EMFILE;
  set(static_cast<int>(fd), std::move(file), close_on_exec);
  return static_cast<int64_t>(fd);
}

void FdTable::set(int fd, std::shared_ptr<File> file, bool close_on_exec) {
  const auto slot = static_cast<size_t>(fd);
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  slots_[slot] = {std::move(file), close_on_exec};
}

bool FdTable::close(int fd) {
  if (get(fd) == nullptr) return false;
  slots_[static_cast<size_t>(fd)] = {};
  return true;
}

void FdTable::close_for_exec() {
  for (Descriptor& slot : slots_)
    if (slot.close_on_exec) slot = {};
}

}  // namespace chrysalis::sim::kernel
