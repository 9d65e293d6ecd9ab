// Look-up help for guest jumps: the jump translation buffer and the dual-address return stack. Both are
// hints that compare guest addresses, so stale contents cost time only, as long as the firmware clears
// them before it reuses host code. Source: docs/host-isa.md, "Look-up help".
//
// C++17, no time.
#pragma once

#include <cstdint>

namespace chrysalis::isa {

inline constexpr unsigned kMaxJtb = 4096;
inline constexpr unsigned kMaxReturnStack = 64;

/// Direct-mapped, guest PC to host PC. With 0 entries every look-up fails.
class Jtb {
 public:
  explicit Jtb(unsigned entries = 0) : entries_(entries) {}

  /// Host address, or 0.
  uint64_t find(uint32_t guest) {
    ++lookups_;
    if (entries_ == 0) return 0;
    const Entry& entry = entry_[index(guest)];
    if (entry.host == 0 || entry.guest != guest) return 0;
    ++hits_;
    return entry.host;
  }
  void write(uint32_t guest, uint64_t host) {
    if (entries_ != 0) entry_[index(guest)] = {host, guest};
  }
  void clear() {
    for (unsigned i = 0; i < entries_; ++i) entry_[i] = {};
  }
  unsigned entries() const { return entries_; }

  // Statistics.
  uint64_t lookups() const { return lookups_; }
  uint64_t hits() const { return hits_; }
  void reset_counts() { lookups_ = hits_ = 0; }

 private:
  struct Entry {
    uint64_t host = 0;
    uint32_t guest = 0;
  };
  // Compilers align the targets of indirect jumps to 16 bytes, so that their lowest bits say nothing; the higher ones separate modules.
  unsigned index(uint32_t guest) const { return (guest ^ guest >> 4 ^ guest >> 12) & (entries_ - 1); }

  unsigned entries_;  // a power of two
  uint64_t lookups_ = 0, hits_ = 0;
  Entry entry_[kMaxJtb];
};

/// Circular: a push onto a full stack overwrites the oldest pair.
class ReturnStack {
 public:
  explicit ReturnStack(unsigned entries = 0) : entries_(entries) {}

  void push(uint32_t guest, uint64_t host) {
    if (entries_ == 0) return;
    top_ = (top_ + 1) % entries_;
    pair_[top_] = {host, guest};
    if (depth_ < entries_) ++depth_;
  }
  /// Pops; returns the host address if the guest address is the expected one, else 0.
  uint64_t pop(uint32_t guest) {
    ++pops_;
    if (depth_ == 0) return 0;
    const Pair pair = pair_[top_];
    top_ = (top_ + entries_ - 1) % entries_;
    --depth_;
    if (pair.guest != guest) return 0;
    ++hits_;
    return pair.host;
  }
  void clear() { depth_ = 0; }
  unsigned depth() const { return depth_; }
  unsigned entries() const { return entries_; }

  // Statistics.
  uint64_t pops() const { return pops_; }
  uint64_t hits() const { return hits_; }
  void reset_counts() { pops_ = hits_ = 0; }

 private:
  struct Pair {
    uint64_t host = 0;
    uint32_t guest = 0;
  };

  unsigned entries_;
  unsigned top_ = 0, depth_ = 0;
  uint64_t pops_ = 0, hits_ = 0;
  Pair pair_[kMaxReturnStack];
};

}  // namespace chrysalis::isa
