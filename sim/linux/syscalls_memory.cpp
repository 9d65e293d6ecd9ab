// System calls on memory and thread-local storage.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

constexpr int kProtSem = 8;
constexpr int kMapDenyWrite = 0x800, kMapTypeShared = 1, kMapTypePrivate = 2, kMapTypeSharedValidate = 3;

int64_t map(Call& call, uint32_t address, uint32_t length, int prot, int flags, int fd, uint64_t offset) {
  if (length == 0 || (offset & kPageMask) != 0) return -EINVAL;
  const int type = flags & MAP_TYPE;
  if (type != kMapTypeShared && type != kMapTypePrivate && type != kMapTypeSharedValidate) return -EINVAL;
  AddressSpace::MapRequest request;
  request.address = address;
  request.length = length;
  request.prot = prot;
  request.flags = (flags & ~MAP_TYPE & ~kMapDenyWrite) | (type == kMapTypePrivate ? MAP_PRIVATE : MAP_SHARED);
  const bool shared = type != kMapTypePrivate;
  if ((flags & MAP_ANONYMOUS) != 0) {
    if (shared) request.object = std::make_shared<MemoryObject>(call.kernel.memory, -1, true);
    if (shared) request.name = "/dev/zero (deleted)";
    return call.task.space->map(request);
  }
  const auto file = call.task.files->get(fd);
  if (file == nullptr) return -EBADF;
  const int access = file->flags & O_ACCMODE;
  if ((file->flags & O_PATH) != 0) return -EBADF;
  if (access == O_WRONLY) return -EACCES;
  if (shared && (prot & PROT_WRITE) != 0 && access != O_RDWR) return -EACCES;
  struct stat status;
  if (file->host_fd() < 0 || file->stat(&status) != 0) return -ENODEV;
  if (!S_ISREG(status.st_mode)) {
    // /dev/zero is anonymous memory by another name; other devices have none to give.
    if (file->path != "/dev/zero") return -ENODEV;
    if (shared) request.object = std::make_shared<MemoryObject>(call.kernel.memory, -1, true);
    return call.task.space->map(request);
  }
  request.may_write = !shared || access == O_RDWR;
  request.object = call.kernel.objects.of_file(file->host_fd(), shared && access == O_RDWR);
  if (request.object == nullptr) return -ENODEV;
  request.offset = offset;
  request.name = file->path;
  return call.task.space->map(request);
}

}  // namespace

int64_t sys_brk(Call& call) { return call.task.space->set_break(call.arg[0], call.limit(RLIMIT_DATA)); }

int64_t sys_mmap(Call& call) {
  abi::MmapArguments a;
  if (!call.get(call.arg[0], &a)) return -EFAULT;
  return map(call, a.address, a.length, static_cast<int>(a.prot), static_cast<int>(a.flags), static_cast<int>(a.fd), a.offset);
}

int64_t sys_mmap2(Call& call) {
  return map(call, call.arg[0], call.arg[1], call.sarg(2), call.sarg(3), call.sarg(4), uint64_t{call.arg[5]} * kPageSize);
}

int64_t sys_munmap(Call& call) { return call.task.space->unmap(call.arg[0], call.arg[1]); }

int64_t sys_mprotect(Call& call) {
  constexpr int kKnown = PROT_READ | PROT_WRITE | PROT_EXEC | kProtSem | PROT_GROWSDOWN | PROT_GROWSUP;
  if ((call.sarg(2) & ~kKnown) != 0) return -EINVAL;
  return call.task.space->protect(call.arg[0], call.arg[1], call.sarg(2));
}

int64_t sys_mremap(Call& call) {
  return call.task.space->remap(call.arg[0], call.arg[1], call.arg[2], call.sarg(3), call.arg[4]);
}

int64_t sys_madvise(Call& call) {
  AddressSpace& space = *call.task.space;
  if ((call.arg[0] & kPageMask) != 0) return -EINVAL;
  switch (call.sarg(2)) {
    case MADV_DONTNEED:
    case MADV_FREE: return space.discard(call.arg[0], call.arg[1]);
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP: return space.check_mapped(call.arg[0], call.arg[1]);
    default: return -EINVAL;
  }
}

int64_t sys_msync(Call& call) {
  constexpr int kBoth = MS_ASYNC | MS_SYNC;
  if ((call.sarg(2) & ~(kBoth | MS_INVALIDATE)) != 0 || (call.sarg(2) & kBoth) == kBoth) return -EINVAL;
  return call.task.space->sync(call.arg[0], call.arg[1]);
}

// Guest RAM never swaps: locking has nothing to do but to check.
int64_t sys_mlock(Call& call) { return call.task.space->check_mapped(page_floor(call.arg[0]), uint64_t{call.arg[1]} + (call.arg[0] & kPageMask)); }
int64_t sys_mlockall(Call&) { return 0; }

int64_t sys_mincore(Call& call) {
  if ((call.arg[0] & kPageMask) != 0) return -EINVAL;
  if (const int64_t result = call.task.space->check_mapped(call.arg[0], call.arg[1]); result != 0) return result;
  const std::vector<uint8_t> present(page_ceil(call.arg[1]) / kPageSize, 1);
  return call.task.space->write(call.arg[2], present.data(), present.size()) ? 0 : -EFAULT;
}

int64_t sys_set_thread_area(Call& call) { return set_tls(call, call.task, call.arg[0]); }

int64_t set_tls(Call& call, Task& task, uint32_t address) {
  abi::UserDesc in;
  if (!call.get(address, &in)) return -EFAULT;
  // user_desc flags: bit 0 32-bit segment, 1..2 contents, 3 read-only, 4 pages, 5 not present, 6 useable.
  constexpr uint32_t kEmpty = 0x28, k32Bit = 1, kContents = 6, kNotPresent = 0x20;
  const bool empty = in.base == 0 && in.limit == 0 && (in.flags & 0x7f) == kEmpty;
  if (in.entry == ~0u) {
    for (uint32_t i = 0; i < abi::kTlsCount && in.entry == ~0u; ++i)
      if (task.tls[i].entry == 0) in.entry = abi::kTlsEntry + i;
    if (in.entry == ~0u) return -ESRCH;
    if (!call.put(address, in.entry)) return -EFAULT;
  }
  if (in.entry < abi::kTlsEntry || in.entry >= abi::kTlsEntry + abi::kTlsCount) return -EINVAL;
  // Linux: tls_desc_okay(): only 32-bit data segments.
  if (!empty && ((in.flags & k32Bit) == 0 || (in.flags & kContents) > 2 || (in.flags & kNotPresent) != 0)) return -EINVAL;
  abi::UserDesc& slot = task.tls[in.entry - abi::kTlsEntry];
  slot = empty ? abi::UserDesc{} : in;
  // A segment register that holds the selector follows the descriptor.
  for (const auto& [selector, base] : {std::pair{GuestReg::FsSel, GuestReg::FsBase}, std::pair{GuestReg::GsSel, GuestReg::GsBase}})
    if (task.reg(selector) >> 3 == in.entry) task.set(base, slot.base);
  return 0;
}

int64_t sys_get_thread_area(Call& call) {
  uint32_t entry;
  if (!call.get(call.arg[0], &entry)) return -EFAULT;
  if (entry < abi::kTlsEntry || entry >= abi::kTlsEntry + abi::kTlsCount) return -EINVAL;
  abi::UserDesc out = call.task.tls[entry - abi::kTlsEntry];
  if (out.entry == 0) out = {entry, 0, 0, 0x28};
  return call.put(call.arg[0], out) ? 0 : -EFAULT;
}

// There is no local descriptor table: reading finds it empty, as a fresh process does.
int64_t sys_modify_ldt(Call& call) { return call.arg[0] == 0 || call.arg[0] == 2 ? 0 : -ENOSYS; }

}  // namespace chrysalis::sim::kernel
