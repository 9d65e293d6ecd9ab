#include "firmware/conversions.h"

namespace chrysalis::fw {

Conversions::Conversions() : entries_(kEntries) { clear(); }

void Conversions::clear() {
  for (Shape& shape : shapes_) shape = Shape{0, 0};
}

/// By multiplication with the golden ratio: instructions differ in their first bytes, or in their last.
unsigned Conversions::place(uint64_t key) { return static_cast<unsigned>(key * 0x9e37'79b9'7f4a'7c15 >> 54) % kEntries; }

bool Conversions::append(uint64_t key, uint32_t eip, UopBuffer& out) const {
  const unsigned i = place(key);
  const Shape shape = shapes_[i];
  const Entry& entry = entries_[i];
  if (shape.count == 0 || entry.key != key) return false;
  for (unsigned k = 0; k < shape.count; ++k) {
    Uop& u = *out.next++;
    u = entry.uops[k];
    if ((shape.with_eip >> k & 1) != 0) u.eip = eip;
  }
  return true;
}

void Conversions::keep(uint64_t key, const Converted& converted, const Uop* begin, const Uop* end) {
  if (!converted.relocatable || end > begin + kMaxUops) return;
  const unsigned i = place(key);
  Entry& entry = entries_[i];
  entry.key = key;
  unsigned count = 0;
  for (const Uop* u = begin; u != end; ++u) entry.uops[count++] = *u;
  shapes_[i] = Shape{static_cast<uint8_t>(count), converted.with_eip};
}

}  // namespace chrysalis::fw
