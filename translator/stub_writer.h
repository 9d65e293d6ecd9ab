// Writes stubs by hand: straight-line atoms over physical registers, scheduled by compile_stub().
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <span>
#include <vector>

#include "isa-host/registers.h"
#include "translator/compile.h"

namespace chrysalis::translator {

class StubWriter {
 public:
  /// `address_temps`: registers that memory() may use, in turn, where the machine's memory unit cannot add.
  StubWriter(const isa::MachineDescription& machine, std::span<const Reg> address_temps)
      : machine_(machine), address_temps_(address_temps) {}

  MachOp& op(isa::Op atom, Reg d = kNoReg, Reg a = kNoReg) {
    MachOp op;
    op.op = atom;
    op.d = d;
    op.a = a;
    op.id = static_cast<int32_t>(ops_.size());
    op.hoist_limit = kNeverHoist;
    ops_.push_back(op);
    return ops_.back();
  }

  void constant(Reg to, uint64_t value) {
    MachOp& atom = op(isa::Op::MovImm, to);
    atom.mode = isa::Mode::Long;
    atom.imm = static_cast<int32_t>(value);
  }

  void address_of(Reg to, int64_t label) {
    constant(to, 0);
    ops_.back().target_kind = Target::Label;
    ops_.back().target = label;
  }

  void write_special(isa::Special special, Reg from) { op(isa::Op::Mts, kNoReg, from).count = static_cast<uint16_t>(special); }
  void read_special(Reg to, isa::Special special) { op(isa::Op::Mfs, to).count = static_cast<uint16_t>(special); }

  /// Accesses of 64 bits at base + offset; all of one stub have one base.
  void load(Reg to, Reg base, unsigned offset) { memory(isa::Op::LdC64, to, base, offset); }
  void store(Reg from, Reg base, unsigned offset) { memory(isa::Op::StC64, from, base, offset); }
  /// The low 32 bits.
  void store_low(Reg from, Reg base, unsigned offset) { memory(isa::Op::StC32, from, base, offset); }

  MachOp& branch(isa::Op atom, int64_t label) {
    MachOp& out = op(atom);
    out.mode = isa::Mode::Short;
    out.target_kind = Target::Label;
    out.target = label;
    return out;
  }

  /// The stub, whose last atom must be a branch; the next one begins.
  CompiledRegion finish() {
    CompiledRegion out;
    compile_stub(ops_, machine_, out);
    ops_.clear();
    return out;
  }

 private:
  static isa::Mode mode(unsigned value) { return value < 32 ? isa::Mode::Short : isa::Mode::Long; }

  void memory(isa::Op atom, Reg data, Reg base, unsigned offset) {
    const bool adds = machine_.offset_addressing != 0;
    if (!adds && offset != 0) {
      const Reg temp = address_temps_[turn_++ % address_temps_.size()];
      MachOp& sum = op(isa::Op::Add64, temp, base);
      sum.imm = offset;
      sum.mode = mode(offset);
      base = temp;
    }
    MachOp& access = op(atom, data, base);
    access.imm = adds ? offset : 0;
    access.mode = mode(static_cast<unsigned>(access.imm));
    access.base = 0;
    access.offset = offset;
    access.size = 8;
  }

  const isa::MachineDescription& machine_;
  const std::span<const Reg> address_temps_;
  std::vector<MachOp> ops_;
  unsigned turn_ = 0;
};

}  // namespace chrysalis::translator
