#include "sim/linux/address_space.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace chrysalis::sim::kernel {
namespace {

// SDM Vol. 3A, "32-Bit Paging". kKept marks, in an entry that is not present, a page that exists but may
// not be touched (PROT_NONE).
constexpr uint32_t kPresent = 1, kWritable = 2, kUser = 4, kKept = 1u << 9;

constexpr Frame frame_of(uint32_t entry) { return entry >> 12; }
constexpr bool holds_page(uint32_t entry) { return (entry & (kPresent | kKept)) != 0; }

bool same_kind(const Area& low, const Area& high) {
  return low.end == high.start && low.prot == high.prot && low.shared == high.shared &&
         low.may_write == high.may_write && low.grows_down == high.grows_down && low.object == high.object &&
         low.name == high.name &&
         (low.object == nullptr || low.object_offset + (low.end - low.start) == high.object_offset);
}

bool permits(const Area& area, Access access) {
  // x86 paging has neither write-only nor execute-only pages.
  if (access == Access::Read) return area.prot != PROT_NONE;
  return (area.prot & (access == Access::Write ? PROT_WRITE : PROT_EXEC)) != 0;
}

}  // namespace

AddressSpace::AddressSpace(GuestMemory& memory) : memory_(memory), directory_(memory.allocate()) {}

AddressSpace::~AddressSpace() {
  if (directory_ == kNoFrame) return;
  erase(0, kTaskSize);
  const auto* directory = reinterpret_cast<const uint32_t*>(memory_.page(directory_));
  for (uint32_t i = 0; i < 1024; ++i)
    if ((directory[i] & kPresent) != 0) memory_.release(frame_of(directory[i]));
  memory_.release(directory_);
}

// -- Page tables -----------------------------------------------------------------------------------

uint32_t* AddressSpace::entry(uint32_t address, bool create) {
  uint32_t& directory_entry = reinterpret_cast<uint32_t*>(memory_.page(directory_))[address >> 22];
  if ((directory_entry & kPresent) == 0) {
    if (!create) return nullptr;
    const Frame table = memory_.allocate();
    if (table == kNoFrame) return nullptr;
    directory_entry = table << 12 | kPresent | kWritable | kUser;
  }
  return reinterpret_cast<uint32_t*>(memory_.page(frame_of(directory_entry))) + (address >> 12 & 1023);
}

void AddressSpace::map_entry(uint32_t* pte, Frame frame, const Area& area, bool writable) {
  const bool executable = (area.prot & PROT_EXEC) != 0;
  if (executable) memory_.note_executable(frame);
  *pte = frame << 12 | kPresent | kUser | (writable ? kWritable : 0) | (executable ? 0 : kNoExecute);
}

void AddressSpace::drop_pages(uint32_t start, uint32_t end) {
  for (uint64_t address = start; address < end;) {
    uint32_t* pte = entry(static_cast<uint32_t>(address), false);
    if (pte == nullptr) {
      address = (address | 0x3f'ffff) + 1;
      continue;
    }
    if (holds_page(*pte)) {
      memory_.note_changed(frame_of(*pte));
      memory_.release(frame_of(*pte));
      memory_.note_flush();
      --resident_;
    }
    *pte = 0;
    address += kPageSize;
  }
}

// -- Areas -----------------------------------------------------------------------------------------

Area* AddressSpace::find(uint32_t address) {
  auto next = areas_.upper_bound(address);
  if (next == areas_.begin()) return nullptr;
  Area& area = std::prev(next)->second;
  return address < area.end ? &area : nullptr;
}

Area* AddressSpace::find_for_fault(uint32_t address) {
  if (Area* area = find(address)) return area;
  const auto above = areas_.upper_bound(address);
  if (above == areas_.end() || !above->second.grows_down) return nullptr;
  Area area = above->second;
  const uint32_t start = page_floor(address);
  if (area.end - start > stack_limit_) return nullptr;
  if (above != areas_.begin()) {
    const Area& below = std::prev(above)->second;
    if (below.prot != PROT_NONE && start < uint64_t{below.end} + kStackGuard) return nullptr;
  }
  areas_.erase(above);
  area.start = start;
  return &areas_.emplace(start, std::move(area)).first->second;
}

void AddressSpace::split(uint32_t address) {
  Area* area = find(address);
  if (area == nullptr || area->start == address) return;
  Area upper = *area;
  upper.start = address;
  if (upper.object != nullptr) upper.object_offset += address - area->start;
  area->end = address;
  areas_.emplace(address, std::move(upper));
}

void AddressSpace::insert(Area area) {
  const auto above = areas_.find(area.end);
  if (above != areas_.end() && same_kind(area, above->second)) {
    area.end = above->second.end;
    areas_.erase(above);
  }
  if (Area* below = area.start == 0 ? nullptr : find(area.start - 1); below != nullptr && same_kind(*below, area)) {
    below->end = area.end;
    return;
  }
  const uint32_t start = area.start;
  areas_.emplace(start, std::move(area));
}

void AddressSpace::erase(uint32_t start, uint32_t end) {
  split(start);
  split(end);
  drop_pages(start, end);
  areas_.erase(areas_.lower_bound(start), areas_.lower_bound(end));
}

bool AddressSpace::is_free(uint32_t start, uint64_t end) const {
  if (end > kTaskSize) return false;
  const auto next = areas_.lower_bound(static_cast<uint32_t>(end));
  return next == areas_.begin() || std::prev(next)->second.end <= start;
}

std::optional<uint32_t> AddressSpace::find_free(uint64_t length) const {
  // Highest gap below kMmapTop; failing that, the lowest above it.
  uint64_t top = kMmapTop;
  for (auto area = areas_.lower_bound(kMmapTop); area != areas_.begin();) {
    --area;
    if (area->second.end > kMmapTop) {
      top = std::min<uint64_t>(top, area->second.start);
      continue;
    }
    if (top >= area->second.end + length) return static_cast<uint32_t>(top - length);
    top = std::min<uint64_t>(top, area->second.start);
  }
  if (top >= kMmapMin + length) return static_cast<uint32_t>(top - length);
  uint64_t bottom = kMmapTop;
  for (auto area = areas_.lower_bound(kMmapTop); area != areas_.end(); ++area) {
    const uint64_t limit = area->second.start - (area->second.grows_down ? kStackGuard : 0);
    if (bottom + length <= limit) return static_cast<uint32_t>(bottom);
    bottom = area->second.end;
  }
  return std::nullopt;
}

int64_t AddressSpace::map(const MapRequest& request) {
  const uint64_t length = page_ceil(request.length);
  if (length == 0) return -EINVAL;
  if (length > kTaskSize) return -ENOMEM;
  uint32_t start = request.address;
  if ((request.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
    if ((start & kPageMask) != 0) return -EINVAL;
    if (start + length > kTaskSize) return -ENOMEM;
    if (start < kMmapMin) return -EPERM;
    if ((request.flags & MAP_FIXED_NOREPLACE) != 0 && !is_free(start, start + length)) return -EEXIST;
  } else {
    start = static_cast<uint32_t>(std::min<uint64_t>(page_ceil(start), kTaskSize));
    if (start < kMmapMin || !is_free(start, start + length)) {
      const auto found = find_free(length);
      if (!found) return -ENOMEM;
      start = *found;
    }
  }
  // What cannot ever be backed is refused now rather than by a signal later.
  const bool reserves = request.object == nullptr && (request.prot & PROT_WRITE) != 0 &&
                        (request.flags & MAP_NORESERVE) == 0;
  if (reserves && length / kPageSize > memory_.free_frames()) return -ENOMEM;

  const auto end = static_cast<uint32_t>(start + length);
  erase(start, end);
  Area area;
  area.start = start;
  area.end = end;
  area.prot = request.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
  if (read_implies_exec_ && (area.prot & PROT_READ) != 0) area.prot |= PROT_EXEC;
  area.shared = request.object != nullptr && (request.flags & MAP_TYPE) != MAP_PRIVATE;
  area.may_write = request.may_write;
  area.grows_down = (request.flags & MAP_GROWSDOWN) != 0;
  area.object = request.object;
  area.object_offset = request.offset;
  area.name = request.name;
  insert(std::move(area));
  return start;
}

int64_t AddressSpace::unmap(uint32_t address, uint64_t length) {
  length = page_ceil(length);
  if ((address & kPageMask) != 0 || length == 0 || address + length > kTaskSize) return -EINVAL;
  erase(address, static_cast<uint32_t>(address + length));
  return 0;
}

int64_t AddressSpace::check_mapped(uint32_t address, uint64_t length) const {
  const uint64_t end = address + page_ceil(length);
  uint64_t covered = address;
  auto area = areas_.upper_bound(address);
  if (area != areas_.begin()) --area;
  for (; area != areas_.end() && covered < end && area->second.start <= covered; ++area)
    covered = std::max<uint64_t>(covered, area->second.end);
  return covered >= end ? 0 : -ENOMEM;
}

int64_t AddressSpace::protect(uint32_t address, uint64_t length, int prot) {
  if ((address & kPageMask) != 0) return -EINVAL;
  length = page_ceil(length);
  if (length == 0) return 0;
  if (address + length > uint64_t{1} << 32) return -ENOMEM;
  const auto end = static_cast<uint32_t>(std::min<uint64_t>(address + length, kTaskSize));
  int64_t result = check_mapped(address, length);
  prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
  if (read_implies_exec_ && (prot & PROT_READ) != 0) prot |= PROT_EXEC;
  split(address);
  split(end);
  // As Linux does, areas below the first hole change even if the call then fails.
  uint64_t covered = address;
  std::vector<Area> changed;
  for (auto area = areas_.lower_bound(address); area != areas_.end() && area->first == covered && area->first < end;) {
    if ((prot & PROT_WRITE) != 0 && !area->second.may_write) {
      result = -EACCES;
      break;
    }
    covered = area->second.end;
    changed.push_back(std::move(area->second));
    area = areas_.erase(area);
    changed.back().prot = prot;
  }
  for (Area& area : changed) {
    for (uint64_t at = area.start; at < area.end; at += kPageSize) {
      uint32_t* pte = entry(static_cast<uint32_t>(at), false);
      if (pte == nullptr) {
        at |= 0x3f'f000;
        continue;
      }
      if (!holds_page(*pte)) continue;
      // Code that may not run any more must not run from the monitor's memory of it either.
      if ((prot & PROT_EXEC) == 0) memory_.note_changed(frame_of(*pte));
      if (prot == PROT_NONE) {
        *pte = frame_of(*pte) << 12 | kKept;
      } else {
        // Writability returns by a fault, which knows about copy-on-write and dirty file pages.
        map_entry(pte, frame_of(*pte), area, (*pte & kWritable) != 0 && (prot & PROT_WRITE) != 0);
      }
      memory_.note_flush();
    }
    insert(std::move(area));
  }
  return result;
}

int64_t AddressSpace::remap(uint32_t address, uint64_t old_length, uint64_t new_length, int flags,
                            uint32_t new_address) {
  if ((address & kPageMask) != 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0) return -EINVAL;
  old_length = page_ceil(old_length);
  new_length = page_ceil(new_length);
  if (new_length == 0 || old_length == 0) return -EINVAL;
  const bool fixed = (flags & MREMAP_FIXED) != 0;
  if (fixed) {
    if ((flags & MREMAP_MAYMOVE) == 0 || (new_address & kPageMask) != 0) return -EINVAL;
    if (new_length > kTaskSize || new_address + new_length > kTaskSize || new_address < kMmapMin) return -EINVAL;
    if (new_address < address + old_length && address < new_address + new_length) return -EINVAL;
  }
  Area* found = find(address);
  if (found == nullptr) return -EFAULT;
  if (address + old_length > found->end && new_length > old_length) return -EFAULT;
  if (check_mapped(address, old_length) != 0) return -EFAULT;
  const auto old_end = static_cast<uint32_t>(address + old_length);

  if (!fixed) {
    if (new_length <= old_length) {
      if (new_length < old_length) erase(static_cast<uint32_t>(address + new_length), old_end);
      return address;
    }
    if (found->end == old_end && is_free(old_end, address + new_length)) {
      if ((new_length - old_length) / kPageSize > memory_.free_frames()) return -ENOMEM;
      split(address);
      Area area = *find(address);
      areas_.erase(area.start);
      area.end = static_cast<uint32_t>(address + new_length);
      insert(std::move(area));
      return address;
    }
    if ((flags & MREMAP_MAYMOVE) == 0) return -ENOMEM;
    if (new_length > old_length && (new_length - old_length) / kPageSize > memory_.free_frames()) return -ENOMEM;
    const auto free = find_free(new_length);
    if (!free) return -ENOMEM;
    new_address = *free;
  } else {
    erase(new_address, static_cast<uint32_t>(new_address + new_length));
  }

  // Move: the pages go along, so that content and sharing stay as they are.
  split(address);
  split(old_end);
  Area area = *find(address);
  const uint64_t moved = std::min({old_length, new_length, uint64_t{area.end} - area.start});
  for (uint64_t offset = 0; offset < moved; offset += kPageSize) {
    uint32_t* from = entry(static_cast<uint32_t>(address + offset), false);
    if (from == nullptr || !holds_page(*from)) continue;
    uint32_t* to = entry(static_cast<uint32_t>(new_address + offset), true);
    if (to == nullptr) return -ENOMEM;
    *to = *from;
    memory_.note_changed(frame_of(*from));
    *from = 0;
  }
  memory_.note_flush();
  erase(address, old_end);
  area.start = new_address;
  area.end = static_cast<uint32_t>(new_address + new_length);
  insert(std::move(area));
  return new_address;
}

int64_t AddressSpace::discard(uint32_t address, uint64_t length) {
  if ((address & kPageMask) != 0) return -EINVAL;
  length = page_ceil(length);
  const int64_t result = check_mapped(address, length);
  const uint64_t end = std::min<uint64_t>(address + length, kTaskSize);
  if (address < end) drop_pages(address, static_cast<uint32_t>(end));
  return result;
}

int64_t AddressSpace::sync(uint32_t address, uint64_t length) {
  if ((address & kPageMask) != 0) return -EINVAL;
  const uint64_t end = address + page_ceil(length);
  for (auto& [start, area] : areas_)
    if (area.shared && start < end && area.end > address) area.object->write_back();
  return check_mapped(address, length);
}

uint32_t AddressSpace::set_break(uint32_t address, uint64_t data_limit) {
  if (address < break_start_ || address > kTaskSize) return break_;
  if (address - break_start_ > data_limit) return break_;
  const auto old_end = static_cast<uint32_t>(page_ceil(break_));
  const auto new_end = static_cast<uint32_t>(page_ceil(address));
  if (new_end < old_end) {
    erase(new_end, old_end);
  } else if (new_end > old_end) {
    if (!is_free(old_end, uint64_t{new_end} + kPageSize)) return break_;
    if ((new_end - old_end) / kPageSize > memory_.free_frames()) return break_;
    Area area;
    area.start = old_end;
    area.end = new_end;
    area.prot = PROT_READ | PROT_WRITE | (read_implies_exec_ ? PROT_EXEC : 0);
    area.name = "[heap]";
    insert(std::move(area));
  }
  return break_ = address;
}

void AddressSpace::add_stack(uint64_t limit, bool executable) {
  constexpr uint32_t kInitialStack = 0x2'1000;
  stack_limit_ = limit;
  Area area;
  area.start = kTaskSize - kInitialStack;
  area.end = kTaskSize;
  area.prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
  area.grows_down = true;
  area.name = "[stack]";
  insert(std::move(area));
}

int64_t AddressSpace::add_trampoline() {
  // pop %eax; mov $119, %eax; int $0x80 -- and, for rt_sigreturn: mov $173, %eax; int $0x80
  static constexpr uint8_t kCode[kRtTrampoline + 7] = {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0xb8, 173, 0, 0, 0, 0xcd, 0x80};
  MapRequest request;
  request.length = kPageSize;
  request.prot = PROT_READ | PROT_WRITE;
  request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
  request.name = "[sigreturn]";
  const int64_t at = map(request);
  if (at < 0) return at;
  trampoline_ = static_cast<uint32_t>(at);
  if (!write(trampoline_, kCode, sizeof kCode)) return -ENOMEM;
  return protect(trampoline_, kPageSize, PROT_READ | PROT_EXEC);
}

uint64_t AddressSpace::mapped_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [start, area] : areas_) bytes += area.end - start;
  return bytes;
}

// -- Pages on demand -------------------------------------------------------------------------------

Fault AddressSpace::install(Area& area, uint32_t address, Access access, uint32_t* pte) {
  const bool write = access == Access::Write;
  const uint64_t index = (area.object_offset + (page_floor(address) - area.start)) / kPageSize;
  if (area.shared) {
    if (!area.object->contains(index)) return Fault::BeyondFile;
    // Mapped for reading first: the write fault is what makes the page dirty.
    const Frame frame = area.object->shared_frame(index, write);
    if (frame == kNoFrame) return Fault::OutOfMemory;
    memory_.reference(frame);
    map_entry(pte, frame, area, write);
    ++resident_;
    return Fault::None;
  }
  if (area.object != nullptr && !area.object->contains(index)) return Fault::BeyondFile;
  if (area.object != nullptr && (area.prot & PROT_WRITE) == 0) {
    // Processes that run the same program share its pages, and the monitor what it made of them.
    const Frame frame = area.object->shared_frame(index, false);
    if (frame == kNoFrame) return Fault::OutOfMemory;
    memory_.reference(frame);
    map_entry(pte, frame, area, false);
    ++resident_;
    return Fault::None;
  }
  const Frame frame = memory_.allocate();
  if (frame == kNoFrame) return Fault::OutOfMemory;
  if (area.object != nullptr) area.object->read_page(index, memory_.page(frame));
  map_entry(pte, frame, area, (area.prot & PROT_WRITE) != 0);
  ++resident_;
  return Fault::None;
}

Fault AddressSpace::resolve(uint32_t address, Access access) {
  if (address >= kTaskSize) return Fault::NotMapped;
  Area* area = find_for_fault(address);
  if (area == nullptr) return Fault::NotMapped;
  if (!permits(*area, access)) return Fault::NotPermitted;
  uint32_t* pte = entry(address, true);
  if (pte == nullptr) return Fault::OutOfMemory;
  if (!holds_page(*pte)) return install(*area, address, access, pte);
  if ((*pte & kPresent) == 0) map_entry(pte, frame_of(*pte), *area, false);
  if (access != Access::Write || (*pte & kWritable) != 0) return Fault::None;

  memory_.note_flush();
  const Frame old = frame_of(*pte);
  if (area->shared) {
    area->object->shared_frame((area->object_offset + (page_floor(address) - area->start)) / kPageSize, true);
  } else if (memory_.references(old) > 1) {
    const Frame copy = memory_.allocate();
    if (copy == kNoFrame) return Fault::OutOfMemory;
    std::memcpy(memory_.page(copy), memory_.page(old), kPageSize);
    memory_.release(old);
    map_entry(pte, copy, *area, true);
    return Fault::None;
  }
  map_entry(pte, old, *area, true);
  return Fault::None;
}

std::vector<iovec> AddressSpace::spans(uint32_t address, size_t size, Access access) {
  std::vector<iovec> result;
  while (size > 0) {
    const uint32_t* pte = address < kTaskSize ? entry(address, false) : nullptr;
    const uint32_t needed = kPresent | (access == Access::Write ? kWritable : 0);
    if (pte == nullptr || (*pte & needed) != needed) {
      if (resolve(address, access) != Fault::None) break;
      pte = entry(address, false);
    }
    const Frame frame = frame_of(*pte);
    if (access == Access::Write) memory_.note_changed(frame);
    const uint32_t offset = address & kPageMask;
    const size_t count = std::min<size_t>(size, kPageSize - offset);
    uint8_t* at = memory_.page(frame) + offset;
    if (!result.empty() && static_cast<uint8_t*>(result.back().iov_base) + result.back().iov_len == at) {
      result.back().iov_len += count;
    } else {
      result.push_back({at, count});
    }
    size -= count;
    address += static_cast<uint32_t>(count);
  }
  return result;
}

bool AddressSpace::read(uint32_t address, void* data, size_t size) {
  auto* to = static_cast<uint8_t*>(data);
  for (const iovec& span : spans(address, size, Access::Read)) {
    std::memcpy(to, span.iov_base, span.iov_len);
    to += span.iov_len;
  }
  return to == static_cast<uint8_t*>(data) + size;
}

bool AddressSpace::write(uint32_t address, const void* data, size_t size) {
  const auto* from = static_cast<const uint8_t*>(data);
  for (const iovec& span : spans(address, size, Access::Write)) {
    std::memcpy(span.iov_base, from, span.iov_len);
    from += span.iov_len;
  }
  return from == static_cast<const uint8_t*>(data) + size;
}

std::optional<std::string> AddressSpace::read_string(uint32_t address, size_t limit, bool* too_long) {
  if (too_long != nullptr) *too_long = false;
  std::string result;
  while (result.size() < limit) {
    const size_t chunk = std::min<size_t>(limit - result.size(), kPageSize - (address & kPageMask));
    const auto page = spans(address, chunk, Access::Read);
    if (page.empty()) return std::nullopt;
    const auto* bytes = static_cast<const char*>(page[0].iov_base);
    const size_t count = strnlen(bytes, chunk);
    result.append(bytes, count);
    if (count < chunk) return result;
    address += static_cast<uint32_t>(chunk);
  }
  if (too_long != nullptr) *too_long = true;
  return std::nullopt;
}

std::unique_ptr<AddressSpace> AddressSpace::fork() {
  auto child = std::make_unique<AddressSpace>(memory_);
  if (child->directory_ == kNoFrame) return nullptr;
  child->break_start_ = break_start_;
  child->break_ = break_;
  child->stack_limit_ = stack_limit_;
  child->trampoline_ = trampoline_;
  child->read_implies_exec_ = read_implies_exec_;
  child->areas_ = areas_;
  memory_.note_flush();
  for (const auto& [start, area] : areas_) {
    for (uint64_t at = start; at < area.end; at += kPageSize) {
      const auto address = static_cast<uint32_t>(at);
      uint32_t* pte = entry(address, false);
      if (pte == nullptr) {
        at |= 0x3f'f000;
        continue;
      }
      if (!holds_page(*pte)) continue;
      uint32_t* copy = child->entry(address, true);
      if (copy == nullptr) return nullptr;
      const bool shared = area.shared;
      if (!shared) *pte &= ~kWritable;
      memory_.reference(frame_of(*pte));
      *copy = *pte;
      ++child->resident_;
    }
  }
  return child;
}

}  // namespace chrysalis::sim::kernel
