// The names of IA-32 registers in decoded instructions.
#pragma once

#include <cstdint>

namespace chrysalis::x86 {

/// In encoding order; GuestReg lists selectors and bases in the same order.
enum class SegmentRegister : uint8_t { Es, Cs, Ss, Ds, Fs, Gs };

/// `General`: width 8, 16 or 32 says which part; at width 8, numbers 4..7 are AH CH DH BH. `Segment`: the number is a
/// SegmentRegister. `St`: the number is relative to the top of the stack.
enum class RegisterClass : uint8_t { General, Segment, St, Mm, Xmm, Control, Debug };

/// Marks the absence of a base or index register.
inline constexpr uint8_t kNoRegister = 0xff;

}  // namespace chrysalis::x86
