// What the same bytes were made of before: most of a program's instructions are repetitions, and copying
// a few micro-operations costs a tenth of lifting and converting an instruction.
#pragma once

#include <cstdint>

#include "firmware/convert.h"
#include "firmware/storage.h"

namespace chrysalis::fw {

/// Conversions of short instructions, by their bytes: those that do the same wherever they lie (Converted::relocatable).
/// All were lifted under the same assumptions; a caller for whom others hold clears.
class Conversions {
 public:
  static constexpr uint32_t kMaxLength = 8;  ///< bytes of an instruction

  /// Allocates the tables from the heap.
  Conversions();

  /// `bytes`: the instruction's first kMaxLength bytes, little-endian. What follows it there does not count.
  static uint64_t key_of(uint64_t bytes, uint32_t length) { return bytes & ~uint64_t{0} >> (8 * (kMaxLength - length)); }

  /// Appends the micro-operations of the instruction with this key at `eip`. False: not known, and nothing appended.
  bool append(uint64_t key, uint32_t eip, UopBuffer& out) const;

  /// Keeps what convert() made, [begin, end), if it may serve again.
  void keep(uint64_t key, const Converted& converted, const Uop* begin, const Uop* end);

  void clear();

 private:
  static constexpr unsigned kEntries = 1024, kMaxUops = 3;
  struct Entry {
    uint64_t key;
    Uop uops[kMaxUops];
  };
  static unsigned place(uint64_t key);

  const Storage<Entry> entries_;
  // Apart from the entries, so that clearing touches little.
  struct Shape {
    uint8_t count;    ///< micro-operations; 0: the entry is empty
    uint8_t with_eip; ///< Converted::with_eip
  };
  Shape shapes_[kEntries];
};

}  // namespace chrysalis::fw
