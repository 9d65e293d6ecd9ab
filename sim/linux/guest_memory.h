// Guest physical memory as the process personality sees it: RAM, its page frames, and the account of
// what the monitor must forget.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "firmware/abi.h"

namespace chrysalis::sim::kernel {

inline constexpr uint32_t kPageSize = 4096;
inline constexpr uint32_t kPageMask = kPageSize - 1;
inline constexpr uint32_t page_floor(uint32_t address) { return address & ~kPageMask; }
/// Rounds up; 64-bit, so that the last page of the address space does not wrap to 0.
inline constexpr uint64_t page_ceil(uint64_t address) { return (address + kPageMask) & ~uint64_t{kPageMask}; }

/// Physical page number. 0 is never handed out and means "none".
using Frame = uint32_t;
inline constexpr Frame kNoFrame = 0;

/// Frames of guest RAM with reference counts, and what changed in them since the last reply.
///
/// Keeps:  allocation order is a function of the sequence of calls only (ascending, then last freed first).
///         Every frame that was mapped executable and whose content the personality changes, or that stops
///         belonging to anyone, is noted, so that the monitor never runs stale code; fresh frames need no note,
///         since they were noted when freed.
/// Errors: allocate() returns kNoFrame when RAM is exhausted.
class GuestMemory {
 public:
  /// `ram` is guest-physical address 0; `size` is a multiple of the page size and stays valid for our life.
  GuestMemory(uint8_t* ram, uint64_t size);

  uint8_t* page(Frame frame) { return ram_ + uint64_t{frame} * kPageSize; }
  uint32_t frame_count() const { return static_cast<uint32_t>(references_.size()); }
  uint32_t free_frames() const { return free_count_; }

  /// A zeroed frame with one reference.
  Frame allocate();
  void reference(Frame frame) { ++references_[frame]; }
  void release(Frame frame);
  uint32_t references(Frame frame) const { return references_[frame]; }

  // -- What the next reply tells the monitor ----------------------------------------------------
  /// From now on, until it is freed, the frame may hold code: changes to it are worth a note.
  /// From now on changes of the frame are reported. The firmware may remember what it held when it was executable before.
  void note_executable(Frame frame) {
    if (may_hold_code_[frame]) return;
    may_hold_code_[frame] = true;
    note_changed(frame);
  }
  void note_changed(Frame frame);
  void note_flush() { flush_ = true; }
  /// Writes the reply bits and page list and starts a new account.
  void report(fw::Mailbox& mailbox);

 private:
  uint8_t* ram_;
  std::vector<uint32_t> references_;
  std::vector<Frame> freed_;
  Frame next_fresh_ = 1;
  uint32_t free_count_;
  bool flush_ = false;
  bool overflow_ = false;
  std::vector<uint32_t> changed_;
  std::vector<bool> is_changed_;
  std::vector<bool> may_hold_code_;
};

}  // namespace chrysalis::sim::kernel
