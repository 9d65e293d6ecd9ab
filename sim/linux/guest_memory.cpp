#include "sim/linux/guest_memory.h"

#include <iterator>

namespace chrysalis::sim::kernel {

GuestMemory::GuestMemory(uint8_t* ram, uint64_t size)
    : ram_(ram), references_(size / kPageSize), is_changed_(size / kPageSize), may_hold_code_(size / kPageSize) {
  free_count_ = references_.empty() ? 0 : frame_count() - 1;
}

Frame GuestMemory::allocate() {
  Frame frame = kNoFrame;
  if (!freed_.empty()) {
    frame = freed_.back();
    freed_.pop_back();
  } else if (next_fresh_ < frame_count()) {
    frame = next_fresh_++;
  } else {
    return kNoFrame;
  }
  --free_count_;
  references_[frame] = 1;
  std::memset(page(frame), 0, kPageSize);
  return frame;
}

void GuestMemory::release(Frame frame) {
  if (--references_[frame] != 0) return;
  ++free_count_;
  freed_.push_back(frame);
  note_changed(frame);
  may_hold_code_[frame] = false;
}

void GuestMemory::note_changed(Frame frame) {
  if (overflow_ || is_changed_[frame] || !may_hold_code_[frame]) return;
  if (changed_.size() == std::size(fw::Mailbox{}.invalid_page)) {
    overflow_ = true;
    return;
  }
  is_changed_[frame] = true;
  changed_.push_back(frame);
}

void GuestMemory::report(fw::Mailbox& mailbox) {
  mailbox.reply = 0;
  mailbox.invalid_count = 0;
  if (flush_) mailbox.reply |= fw::kReplyFlushTlb;
  if (overflow_) {
    mailbox.reply |= fw::kReplyInvalidateAll;
  } else if (!changed_.empty()) {
    mailbox.reply |= fw::kReplyInvalidateCode;
    for (uint32_t frame : changed_) mailbox.invalid_page[mailbox.invalid_count++] = frame;
  }
  for (uint32_t frame : changed_) is_changed_[frame] = false;
  changed_.clear();
  flush_ = overflow_ = false;
}

}  // namespace chrysalis::sim::kernel
