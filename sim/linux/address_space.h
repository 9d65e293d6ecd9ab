// One process's address space: its areas (what the guest asked for) and the x86 page tables that
// realise them in guest-physical memory (what the monitor walks).
//
// Pages come on demand: an area only promises memory; resolve() provides a page when it is first touched.
// An area that is not executable has the monitor's no-execute bit in its entries (Mailbox::no_execute), so that
// programs see what a 64-bit kernel gives them by PAE's XD bit.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/linux/guest_memory.h"
#include "sim/linux/memory_object.h"

namespace chrysalis::sim::kernel {

/// End of the user's address space under a 64-bit kernel, and where mmap starts to search downwards: the
/// addresses that such a kernel uses when address randomisation is off.
inline constexpr uint32_t kTaskSize = 0xffff'e000;
inline constexpr uint32_t kMmapTop = 0xf7ff'e000;
inline constexpr uint32_t kMmapMin = 0x0001'0000;
inline constexpr uint32_t kStackGuard = 256 * kPageSize;

/// Why a page cannot be provided, in the terms of the signal that follows.
enum class Fault { None, NotMapped, NotPermitted, BeyondFile, OutOfMemory };

enum class Access { Read, Write, Execute };

/// The bit of a page-table entry that forbids execution: one of those that paging leaves to the operating system.
inline constexpr uint32_t kNoExecute = 1u << 10;

struct Area {
  uint32_t start = 0;
  uint32_t end = 0;                      ///< exclusive; at most kTaskSize
  int prot = 0;                          ///< PROT_*
  bool shared = false;
  bool may_write = true;                 ///< false: shared mapping of a file opened for reading only
  bool grows_down = false;
  std::shared_ptr<MemoryObject> object;  ///< null: private anonymous
  uint64_t object_offset = 0;            ///< of `start`, bytes
  std::string name;                      ///< for /proc/self/maps
};

/// The areas and page tables of one process.
///
/// Units:  addresses are guest-linear; lengths in bytes. Calls in the style of system calls return a
///         result or a negative errno.
/// Keeps:  address choice is a function of the earlier calls only (top down from kMmapTop, as Linux does).
///         After any call that takes something away, the next reply flushes the TLB.
class AddressSpace {
 public:
  explicit AddressSpace(GuestMemory& memory);
  ~AddressSpace();
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  /// Guest-physical address of the page directory; 0 if RAM was exhausted when it was made.
  uint32_t cr3() const { return directory_ * kPageSize; }

  /// A copy for fork: private pages are shared until either side writes. Null if RAM is exhausted.
  std::unique_ptr<AddressSpace> fork();

  // -- System-call shaped ------------------------------------------------------------------------
  struct MapRequest {
    uint32_t address = 0;
    uint64_t length = 0;
    int prot = 0;
    int flags = 0;  ///< MAP_*
    std::shared_ptr<MemoryObject> object;
    uint64_t offset = 0;
    bool may_write = true;
    std::string name;
  };
  int64_t map(const MapRequest& request);
  int64_t unmap(uint32_t address, uint64_t length);
  int64_t protect(uint32_t address, uint64_t length, int prot);
  int64_t remap(uint32_t address, uint64_t old_length, uint64_t new_length, int flags, uint32_t new_address);
  /// MADV_DONTNEED: private pages are forgotten and come back as they were first.
  int64_t discard(uint32_t address, uint64_t length);
  int64_t sync(uint32_t address, uint64_t length);
  /// brk: the new break, or the old one if it cannot move.
  uint32_t set_break(uint32_t address, uint64_t data_limit);
  /// 0 if every page of the range belongs to an area, else -ENOMEM.
  int64_t check_mapped(uint32_t address, uint64_t length) const;

  // -- Set-up by exec ----------------------------------------------------------------------------
  void set_break_start(uint32_t address) { break_start_ = break_ = address; }
  /// Linux's READ_IMPLIES_EXEC: what is mapped readable from now on is executable too.
  void set_read_implies_exec() { read_implies_exec_ = true; }
  /// The initial stack area; grows down on demand to at most `limit` bytes.
  void add_stack(uint64_t limit, bool executable);
  /// Maps the code that handlers without SA_RESTORER return by. A negative errno if it cannot be.
  int64_t add_trampoline();
  /// Address of the classic return code; that of rt_sigreturn follows at kRtTrampoline.
  uint32_t trampoline() const { return trampoline_; }
  static constexpr uint32_t kRtTrampoline = 16;

  // -- Access ------------------------------------------------------------------------------------
  /// Makes the page at `address` usable for `access`.
  Fault resolve(uint32_t address, Access access);
  /// Copies; false when a byte is not accessible (what precedes it may have been copied).
  bool read(uint32_t address, void* data, size_t size);
  bool write(uint32_t address, const void* data, size_t size);
  /// A NUL-terminated string of at most `limit` bytes; nothing if unreadable. `too_long` tells the two apart.
  std::optional<std::string> read_string(uint32_t address, size_t limit, bool* too_long = nullptr);
  /// Host memory behind the accessible prefix of a range; for Write, its pages count as changed.
  /// The spans stay valid until this address space is next changed.
  std::vector<iovec> spans(uint32_t address, size_t size, Access access);

  const std::map<uint32_t, Area>& areas() const { return areas_; }
  uint64_t mapped_bytes() const;
  uint64_t resident_pages() const { return resident_; }
  uint32_t break_start() const { return break_start_; }
  uint32_t current_break() const { return break_; }

 private:
  uint32_t* entry(uint32_t address, bool create);
  Area* find(uint32_t address);
  Area* find_for_fault(uint32_t address);
  void split(uint32_t address);
  void insert(Area area);
  void drop_pages(uint32_t start, uint32_t end);
  void erase(uint32_t start, uint32_t end);
  bool is_free(uint32_t start, uint64_t end) const;
  std::optional<uint32_t> find_free(uint64_t length) const;
  Fault install(Area& area, uint32_t address, Access access, uint32_t* pte);
  void map_entry(uint32_t* pte, Frame frame, const Area& area, bool writable);

  GuestMemory& memory_;
  Frame directory_ = kNoFrame;
  std::map<uint32_t, Area> areas_;  // by start
  uint32_t break_start_ = 0;
  uint32_t break_ = 0;
  uint64_t stack_limit_ = 0;
  uint64_t resident_ = 0;
  uint32_t trampoline_ = 0;
  bool read_implies_exec_ = false;
};

}  // namespace chrysalis::sim::kernel
