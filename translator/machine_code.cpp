#include "translator/machine_code.h"

namespace chrysalis::translator {

OpRegs registers_of(const MachOp& op) {
  const isa::AtomInfo& row = isa::info(op.op);
  OpRegs out;
  const auto read = [&out](Reg reg) {
    if (reg != isa::kZero && reg != kNoReg) out.reads[out.read_count++] = reg;
  };
  const auto write = [&out](Reg reg) {
    if (reg != isa::kZero && reg != kNoReg) out.writes[out.write_count++] = reg;
  };
  if (row.uses(isa::kReadsRa | isa::kReadsVa)) read(op.a);
  if (row.uses(isa::kReadsRb | isa::kReadsVb) || (row.uses(isa::kReadsRm) && op.mode == isa::Mode::Register)) read(op.b);
  if (row.uses(isa::kReadsRc)) read(op.c);
  if (row.uses(isa::kReadsRd | isa::kReadsVd)) read(op.d);
  if (row.has(isa::kReadsFd)) read(op.f);
  if (row.uses(isa::kWritesRd | isa::kWritesVd)) write(op.d);
  if (row.has(isa::kWritesFd)) write(op.f);
  return out;
}

}  // namespace chrysalis::translator
