// The fast forms of the direct-threaded interpreter: one micro-operation for a whole shape, such as
// "eax += load(ebx + esi*4 + 8), flags, end of the instruction". They are compositions of the same host
// operations that the plain form uses; a flags result always goes to the guest's flags, and an old image
// always comes from there.
//
// A form with `end` commits and counts the instruction. find_*() deliver the handler of a shape, or null
// where there is none and plain micro-operations must do.
#pragma once

#include "firmware/uop.h"
#include "translator/ir/ir.h"

namespace chrysalis::fw {

/// Which results an arithmetic form delivers.
enum class Deliver : uint8_t { Value, Flags, Both };

/// How a memory form computes its address; a = slot of the base, imm = displacement.
enum class Address : uint8_t {
  Base,        ///< base + displacement
  Index1, Index2, Index4, Index8,  ///< base + index * n + displacement
};
constexpr Address indexed(unsigned scale) { return static_cast<Address>(1 + scale); }

/// A form for the middle of an instruction and the one that also ends it.
struct FormPair {
  Handler middle = nullptr;
  Handler end = nullptr;
};

/// Handler of a micro-operation of the plain form.
Handler find_plain(uint16_t code);

/// d = a op b; or with `immediate` a op imm.
FormPair find_alu(ir::Op op, unsigned width, Deliver deliver, bool immediate);
/// d = a op load(b + imm), index f.
FormPair find_alu_load(ir::Op op, Deliver deliver, Address address);
/// d = load(a + imm), index b.
FormPair find_load(ir::Op op, unsigned width, Address address);
/// store(a + imm) = d, index b.
FormPair find_store(unsigned width, Address address);
/// store(a + imm) = the 32 bits of b (high) and d (low).
FormPair find_store_constant(unsigned width);
/// load(a + imm) after the check that it may be written, index b: first half of a read-modify-write.
FormPair find_load_for_write(unsigned width, Address address);
/// d = a + imm, index b; `base` absent: index and displacement only.
FormPair find_lea(Address address);
/// d = a.
FormPair find_move();
/// d = wide.
FormPair find_constant();
/// Exit to imm if `cond` holds for the guest's flags (Zero, NonZero: for source c); the end form also ends the
/// instruction if it does not.
FormPair find_exit_if(ir::Cond cond);

}  // namespace chrysalis::fw
