// The data side of the core in time: L1D, its miss registers, and the draining of released stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hw/account.h"
#include "hw/line_source.h"
#include "hw/tag_array.h"
#include "hw/types.h"

namespace chrysalis::hw {

inline constexpr unsigned kMaxAccesses = 16;  ///< D accesses of one molecule, page pieces apart

enum class DataUse : uint8_t { Load, Store, Prefetch };

/// One D access of a molecule, in physical addresses: what the core asks, and the answer.
struct DataAccess {
  uint64_t address = 0;
  DataUse kind = DataUse::Load;
  uint8_t size = 0;        ///< bytes, 1 to 16
  uint8_t latency = 0;     ///< of a hit
  uint8_t destination = 0; ///< carried for the caller
  uint8_t source = 0;      ///< so is this
  bool guest = false;      ///< a guest load sees the store buffer
  uint32_t gated = 0;      ///< its bytes that gated stores supply, a bit each (rule D9)
  // answer
  bool forwarded = false;  ///< every byte is in the store buffer (rule D9)
  Cycle ready = 0;             ///< when the result can be read
  Level level = Level::L1;     ///< who supplied it
};

struct DataSideParameters {
  CacheGeometry l1d;
  uint32_t ports = 1;
  uint32_t miss_registers = 4;
  uint32_t store_buffer_entries = 36;
  uint8_t load_latency = 3;
};

/// Implements the rules D and S of docs/timing.md. It knows addresses and cycles, never values.
///
/// Time moves forward: every call names a cycle not before the previous call's.
class DataSide {
 public:
  struct Statistics {
    uint64_t load_hits = 0, load_misses = 0;
    uint64_t store_hits = 0, store_misses = 0;    ///< concealed stores and drains
    uint64_t prefetches = 0, prefetches_dropped = 0;
    uint64_t forwarded_misses = 0;                ///< misses that rule D9 made hits
    uint64_t line_crossings = 0;
    uint64_t write_backs = 0;
    uint64_t drains = 0;
    uint64_t drain_conflicts = 0;                 ///< cycles in which a drain found no port
    uint64_t released_peak = 0;                   ///< most entries ever waiting to drain
    uint64_t released_cycles = 0;                 ///< sum over drained entries of the cycles they waited
  };

  DataSide(const DataSideParameters& parameters, LineSource& next_level);

  void reset();

  /// A load or concealed store that is its molecule's only D access, in the commonest case: its bytes lie
  /// in one line, which is present, and no line is under way. Returns whether that was so; if not, the
  /// molecule has to be issued by issue().
  [[gnu::always_inline]] inline bool hit(uint64_t address, uint32_t size, bool write, Cycle now) {
    if (now < idle_from_) {
      drain_to(now);
      if (now < quiet_from_) return false;
    }
    if ((address & line_mask_) + size > line_size_ || !tags_.access(address, write)) return false;
    ++(write ? statistics_.store_hits : statistics_.load_hits);
    if (idle_from_ == kNever) take_ports(1, now);
    return true;
  }

  /// The same for a molecule with any number of loads and concealed stores. Fills in when loads are ready.
  bool hits(DataAccess* accesses, unsigned count, Cycle now);

  /// Issues a molecule with `count` D accesses that is ready in `now`, with `gated` entries of the store
  /// buffer gated, its own included. `stores` says whether it has guest stores of its own (rule S2 concerns
  /// no other). Fills in the answers, charges waiting to `causes`, and returns the cycle of issue.
  Cycle issue(DataAccess* accesses, unsigned count, uint32_t gated, bool stores, Cycle now, uint64_t* causes);

  /// Whether issue() can be left out for a molecule with guest stores and no D access.
  bool has_room(uint32_t gated) const { return gated + released_.size() <= parameters_.store_buffer_entries; }

  /// A commit in cycle `now` releases a store of `size` bytes.
  void release(uint64_t address, uint32_t size, Cycle now);

  /// Lets stores drain in every cycle before `now`. To be called before anything else that sends requests.
  void drain_to(Cycle now) {
    if (!released_.empty()) drain_before(now);
  }

  /// Whether the bytes [address, address+size) are all in stores released and not drained.
  /// `covered` is a mask of the bytes that gated stores supply.
  bool covers(uint64_t address, uint32_t size, uint32_t covered) const;

  /// Released stores not yet drained.
  uint32_t released() const { return static_cast<uint32_t>(released_.size()); }
  const Statistics& statistics() const { return statistics_; }
  uint32_t line_size() const { return line_size_; }

 private:
  struct MissRegister {
    uint64_t line = 0;
    Cycle arrival = 0;  ///< free from here on
    Level level = Level::L2;
  };
  struct Released {
    uint64_t address;
    uint32_t size;
    Cycle since;
  };
  /// A first-in first-out queue of bounded size.
  class Queue {
   public:
    explicit Queue(uint32_t capacity) : slots_(capacity) {}
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return count_; }
    const Released& front() const { return slots_[head_]; }
    const Released& at(std::size_t i) const { return slots_[(head_ + i) % slots_.size()]; }
    void push(const Released& store) { slots_[(head_ + count_++) % slots_.size()] = store; }
    void pop() {
      head_ = (head_ + 1) % slots_.size();
      --count_;
    }
    void clear() { head_ = count_ = 0; }

   private:
    std::vector<Released> slots_;
    std::size_t head_ = 0, count_ = 0;
  };

  void drain_before(Cycle now);
  /// Rule S4: with all ports taken in `now`, no store drains in it.
  void take_ports(uint32_t count, Cycle now) {
    if (count < parameters_.ports || next_drain_ > now) return;
    ++statistics_.drain_conflicts;
    next_drain_ = now + 1;
  }
  bool start_drain(const Released& store, Cycle now);
  Cycle blocked_until(const DataAccess* accesses, unsigned count, Cycle now, Level* level) const;
  void apply(DataAccess& access, Cycle now);
  const MissRegister* under_way(uint64_t line, Cycle now) const;
  uint32_t free_miss_registers(Cycle now) const;
  Cycle next_free_miss_register(Cycle now, Level* level) const;
  const MissRegister& miss(uint64_t line, bool dirty, Cycle now);
  template <typename Visit>
  void for_lines(uint64_t address, uint32_t size, Visit visit) const {
    const uint64_t first = address & ~line_mask_, last = (address + size - 1) & ~line_mask_;
    visit(first);
    if (last != first) visit(last);
  }

  DataSideParameters parameters_;
  LineSource& next_level_;
  TagArray tags_;
  uint32_t line_size_;
  uint64_t line_mask_;
  std::vector<MissRegister> miss_registers_;
  Cycle quiet_from_ = 0;     ///< no line is under way from here on
  Cycle idle_from_ = 0;      ///< and nothing waits to drain: quiet_from_, or kNever while something does
  Queue released_;
  Cycle next_drain_ = 0;     ///< cycle in which the oldest released store next tries
  Cycle written_in_ = kNever;  ///< cycle in which it is written because its own miss is answered
  Statistics statistics_;
};

}  // namespace chrysalis::hw
