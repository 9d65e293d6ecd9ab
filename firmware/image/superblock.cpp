#include "firmware/image/superblock.h"

#include <algorithm>
#include <cstdio>

#include "firmware/abi.h"
#include "firmware/image/error.h"
#include "isa-host/registers.h"
#include "translator/ir/intrinsics.h"

namespace chrysalis::image {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;
using translator::Binding;

constexpr unsigned kStackPointer = 2;
constexpr uint32_t kFixedRegisters = 1u << 3 | 1u << 4;  // gp and tp, which nobody changes

class Lifter {
 public:
  Lifter(const Program& program, const Guidance& guidance, Superblock& superblock, translator::Region& region)
      : program_(program), guidance_(guidance), superblock_(superblock), region_(region) {
    for (ValueId& value : current_) value = kNoValue;
  }

  void run() {
    region_.clear();
    region_.allocatable = allocatable();
    region_.readable = uint64_t{1} << isa::firmware_register(kStackPointer);
    for (size_t b = 0; b < superblock_.blocks.size(); ++b) {
      const uint32_t after = b + 1 < superblock_.blocks.size() ? superblock_.blocks[b + 1] : kNoBlock;
      lift_block(program_.blocks[superblock_.blocks[b]], after);
    }
    region_.stack = entry_of(kStackPointer);
  }

 private:
  /// Temporaries, flags registers, and every firmware register but gp and tp.
  static uint64_t allocatable() {
    uint64_t mask = 0;
    for (unsigned r = isa::kFirstFlagsReg; r <= isa::kLastFlagsReg; ++r) mask |= uint64_t{1} << r;
    for (unsigned r = isa::kFirstTemp; r <= isa::kLastTemp; ++r) mask |= uint64_t{1} << r;
    for (unsigned x = 1; x < 32; ++x) {
      if (!(kFixedRegisters >> x & 1)) mask |= uint64_t{1} << isa::firmware_register(x);
    }
    return mask;
  }

  [[noreturn]] void fail(const ProgramInst& inst, const std::string& what) const {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(inst.address));
    throw ImageError(what + " (" + inst.rv.name + ") at " + text + " in " + program_.functions[function_].name);
  }

  [[noreturn]] void runs_off() const { throw ImageError("control runs off the end of " + program_.functions[function_].name); }

  // -- values ----------------------------------------------------------------------------------------------

  ir::Inst& emit(Op op, unsigned width = 64) {
    ir::Inst inst;
    inst.op = op;
    inst.width = static_cast<uint8_t>(width);
    inst.guest = 0;
    region_.code.insts.push_back(inst);
    return region_.code.insts.back();
  }

  ValueId emit_value(Op op, ValueId a, ValueId b = kNoValue, unsigned width = 64) {
    ir::Inst& inst = emit(op, width);
    inst.src[0] = a;
    inst.src[1] = b;
    return inst.value = region_.code.new_value();
  }

  ValueId constant(uint64_t value) {
    ir::Inst& inst = emit(Op::Const);
    inst.imm = static_cast<int64_t>(value);
    return inst.value = region_.code.new_value();
  }

  ValueId entry_of(unsigned x) {
    for (const Binding& binding : region_.entry) {
      if (binding.reg == isa::firmware_register(x)) return binding.value;
    }
    const ValueId value = region_.code.new_value();
    region_.entry.push_back({value, static_cast<uint8_t>(isa::firmware_register(x))});
    return value;
  }

  ValueId get(unsigned x) {
    if (x == 0) return constant(0);
    if (current_[x] == kNoValue) current_[x] = entry_of(x);
    return current_[x];
  }

  void set(unsigned x, ValueId value) {
    if (x != 0) current_[x] = value;
  }

  /// Where the registers that somebody needs after the next exit are now.
  void add_map(uint32_t live) {
    std::vector<Binding> map;
    for (unsigned x = 1; x < 32; ++x) {
      if (live >> x & 1) map.push_back({get(x), static_cast<uint8_t>(isa::firmware_register(x))});
    }
    region_.add_map(map);
  }

  uint32_t target(uint32_t block) {
    superblock_.targets.push_back(block);
    return block;
  }

  // -- instructions ----------------------------------------------------------------------------------------

  void lift_binary(const RvInst& rv, ValueId a, ValueId b) {
    ValueId value = emit_value(rv.op, a, b, rv.width);
    if (rv.extend) value = emit_value(Op::Sext, value, kNoValue, 32);
    set(rv.rd, value);
  }

  void lift_scaled(const RvInst& rv, unsigned scale) {
    const ValueId a = get(rv.rs2), b = get(rv.rs1);
    const ValueId value = emit_value(rv.op, a, b);
    region_.code.insts.back().aux = static_cast<uint8_t>(scale);
    set(rv.rd, value);
  }

  void lift_memory(const RvInst& rv) {
    const ValueId address = get(rv.rs1);
    if (rv.format == RvFormat::ST) {
      const ValueId data = get(rv.rs2);
      ir::Inst& inst = emit(rv.op, rv.width);
      inst.src[0] = address;
      inst.src[1] = data;
      inst.imm = rv.imm;
      return;
    }
    const ValueId value = emit_value(rv.op, address, kNoValue, rv.width);
    region_.code.insts.back().imm = rv.imm;
    set(rv.rd, value);
  }

  /// custom-0 and custom-1: an IR operation as it stands.
  void lift_operation(const ProgramInst& from) {
    const RvInst& rv = from.rv;
    if (rv.funct7 >= static_cast<unsigned>(Op::kCount)) fail(from, "unknown IR operation");
    const Op op = static_cast<Op>(rv.funct7);
    const ir::OpInfo& row = ir::info(op);
    if (op == Op::Const || op == Op::CodeAddr || op == Op::SelectCc) fail(from, "IR operation with operands that no instruction has");
    if (row.effects & (ir::kExit | ir::kHelper | ir::kReadsState | ir::kWritesState)) fail(from, "IR operation not available to firmware");
    const bool wants_flags = rv.funct3 & 4;
    const bool reads_rd = rv.format == RvFormat::Custom1;
    ValueId sources[4] = {kNoValue, kNoValue, kNoValue, kNoValue};
    unsigned count = row.sources;
    if (op == Op::SelectNz) {
      sources[0] = get(rv.rd);
      sources[1] = get(rv.rs1);
      sources[2] = get(rv.rs2);
    } else {
      const bool old_flags = row.effects & ir::kOldFlags;
      const unsigned plain = reads_rd || old_flags ? count - 1 : count;
      if (plain > 2) fail(from, "IR operation with too many sources");
      if (plain > 0) sources[0] = get(rv.rs1);
      if (plain > 1) sources[1] = get(rv.rs2);
      const bool reads_carry = op == Op::Adc || op == Op::Sbb || op == Op::Rcl || op == Op::Rcr;
      if (reads_rd) sources[plain] = get(rv.rd);
      else if (old_flags && (wants_flags || reads_carry)) sources[plain] = constant(0);
    }
    ir::Inst& inst = emit(op, 8u << (rv.funct3 & 3));
    std::copy(sources, sources + 4, inst.src);
    // The condition of SetCc stands where a second source would.
    if (op == Op::SetCc) inst.cond = static_cast<ir::Cond>(rv.rs2 & 15);
    finish_operation(from, inst, wants_flags);
  }

  void lift_double_shift(const ProgramInst& from) {
    const RvInst& rv = from.rv;
    const ValueId sources[] = {get(rv.rs1), get(rv.rs2), get(rv.rs3), get(rv.rd)};
    ir::Inst& inst = emit((rv.funct7 & 3) == 0 ? Op::Shld : Op::Shrd, 8u << (rv.funct3 & 3));
    std::copy(sources, sources + 4, inst.src);
    const bool wants_flags = rv.funct3 & 4;
    if (!wants_flags) inst.src[3] = kNoValue;
    finish_operation(from, inst, wants_flags);
  }

  void finish_operation(const ProgramInst& from, ir::Inst& inst, bool wants_flags) {
    const unsigned results = static_cast<unsigned>(ir::info(inst.op).results);
    if (results == 0) return;
    if (!(results & (wants_flags ? 2 : 1))) fail(from, "the IR operation does not have this result");
    const ValueId value = region_.code.new_value();
    (wants_flags ? inst.flags : inst.value) = value;
    set(from.rv.rd, value);
  }

  void lift_intrinsic(const ProgramInst& from) {
    const RvInst& rv = from.rv;
    if (rv.funct7 >= static_cast<unsigned>(ir::IntrinsicId::kCount)) fail(from, "unknown host operation");
    const auto id = static_cast<ir::IntrinsicId>(rv.funct7);
    const ir::IntrinsicInfo& row = ir::info(id);
    ValueId sources[4] = {kNoValue, kNoValue, kNoValue, kNoValue};
    unsigned fields[] = {rv.rs1, rv.rs2, 0};
    if (row.sources == 3) fields[0] = rv.rd, fields[1] = rv.rs1, fields[2] = rv.rs2;
    for (unsigned i = 0; i < row.sources; ++i) {
      const bool number = i == 0 && rv.funct3 != 0;
      sources[i] = number ? constant(fields[0] + 32u * (rv.funct3 - 1u)) : get(fields[i]);
    }
    const bool needs_number = id == ir::IntrinsicId::Commit || id == ir::IntrinsicId::ReadSpecial || id == ir::IntrinsicId::WriteSpecial;
    if (needs_number && rv.funct3 == 0 && fields[0] != 0) fail(from, "the first operand must be a number (funct3 1 or 2)");
    const bool special = id == ir::IntrinsicId::ReadSpecial || id == ir::IntrinsicId::WriteSpecial;
    if (special && fields[0] + (rv.funct3 > 1 ? 32 : 0) >= isa::kSpecials) fail(from, "unknown special register");
    if (rv.funct3 > 2) fail(from, "unknown form of a host operation");
    if (id == ir::IntrinsicId::Commit) region_.add_map({});
    if (row.effects & ir::kExit) {
      add_map(program_.live_at_exit(program_.blocks[block_], true));
    }
    ir::Inst& inst = emit(Op::Intrinsic);
    inst.imm = static_cast<int64_t>(id);
    std::copy(sources, sources + 4, inst.src);
    if (row.has_result) {
      inst.value = region_.code.new_value();
      set(rv.rd, inst.value);
    }
  }

  void lift_plain(const ProgramInst& from) {
    const RvInst& rv = from.rv;
    if (from.ignored) return;
    if (from.delivers_target) {
      const uint32_t block = program_.block_at(from.target);
      if (block == kNoBlock) {
        set(rv.rd, constant(from.target));
        return;
      }
      ir::Inst& inst = emit(Op::CodeAddr);
      inst.imm = target(block);
      inst.value = region_.code.new_value();
      set(rv.rd, inst.value);
      return;
    }
    switch (rv.format) {
      case RvFormat::R: return lift_binary(rv, get(rv.rs1), get(rv.rs2));
      case RvFormat::I: case RvFormat::S5: case RvFormat::S6:
        if (rv.rd == 0) return;
        return lift_binary(rv, get(rv.rs1), constant(static_cast<uint64_t>(rv.imm)));
      case RvFormat::U: return set(rv.rd, emit_value(rv.op, get(rv.rs1), kNoValue, rv.width));
      case RvFormat::L: case RvFormat::ST: return lift_memory(rv);
      case RvFormat::Lui: return set(rv.rd, constant(static_cast<uint64_t>(rv.imm)));
      case RvFormat::Uw0: return lift_scaled(rv, 0);
      case RvFormat::Sh1: return lift_scaled(rv, 1);
      case RvFormat::Sh2: return lift_scaled(rv, 2);
      case RvFormat::Sh3: return lift_scaled(rv, 3);
      case RvFormat::SlliUw: {
        const ValueId low = emit_value(Op::Zext, get(rv.rs1), kNoValue, 32);
        return lift_binary(rv, low, constant(static_cast<uint64_t>(rv.imm)));
      }
      case RvFormat::Nop: return;
      case RvFormat::Custom0: case RvFormat::Custom1: return lift_operation(from);
      case RvFormat::Custom2: return lift_double_shift(from);
      case RvFormat::Custom3: return lift_intrinsic(from);
      default: fail(from, "an instruction that firmware may not contain");
    }
  }

  // -- control ---------------------------------------------------------------------------------------------

  /// Whether the side exit at the end of `block` is where control mostly goes.
  bool mostly_leaves(const Block& block, bool side_is_taken) const {
    if (!guidance_.knows(block_)) return side_is_taken && program_.blocks[block.taken].first <= block.first;
    const BlockCount& count = guidance_.counts[block_];
    return 2 * (side_is_taken ? count.taken : count.executed - count.taken) > count.executed;
  }

  /// The value whose being non-zero (or zero) decides a branch.
  void lift_branch(const Block& block, const ProgramInst& inst, uint32_t after) {
    if (block.next == kNoBlock) runs_off();
    const ValueId compared = emit_value(inst.rv.op, get(inst.rv.rs1), get(inst.rv.rs2));
    bool when_true = inst.rv.format == RvFormat::B;
    uint32_t side = block.taken;
    bool side_is_taken = true;
    const bool ends_taken = after == kNoBlock && superblock_.ends_taken;
    if (ends_taken || (after == block.taken && after != block.next)) {
      when_true = !when_true;
      side = block.next;
      side_is_taken = false;
    }
    add_map(program_.live_at_exit(block, side_is_taken));
    region_.maps.back().likely = mostly_leaves(block, side_is_taken);
    ir::Inst& branch = emit(Op::Branch);
    branch.cond = when_true ? ir::Cond::NonZero : ir::Cond::Zero;
    branch.src[0] = compared;
    branch.imm = target(side);
    if (after == kNoBlock) jump(ends_taken ? block.taken : block.next, program_.live_at_exit(block, ends_taken));
  }

  void jump(uint32_t block, uint32_t live) {
    if (block == kNoBlock) runs_off();
    add_map(live);
    emit(Op::Jump).imm = target(block);
    superblock_.follows = block;
  }

  void lift_call(const Block& block, const ProgramInst& inst) {
    const unsigned link = inst.rv.rd;
    const ValueId callee = inst.flow == Flow::CallIndirect ? call_target(inst) : kNoValue;
    const ValueId result = region_.code.new_value();
    current_[link] = result;
    add_map(program_.live_at_exit(block, true));
    ir::Inst& call = emit(inst.flow == Flow::CallIndirect ? Op::CallInd : Op::Call);
    call.src[0] = callee;
    call.value = result;
    if (callee == kNoValue) call.imm = target(block.taken);
    if (block.next != kNoBlock) superblock_.continues_at = superblock_.follows = target(block.next);
  }

  ValueId call_target(const ProgramInst& inst) {
    const ValueId base = get(inst.rv.rs1);
    return inst.rv.imm == 0 ? base : emit_value(Op::Add, base, constant(static_cast<uint64_t>(inst.rv.imm)));
  }

  void lift_last(const Block& block, const ProgramInst& inst, uint32_t after) {
    switch (inst.flow) {
      case Flow::Next:
        lift_plain(inst);
        if (after == kNoBlock) jump(block.next, program_.live_at_exit(block, true));
        return;
      case Flow::Branch: return lift_branch(block, inst, after);
      case Flow::Jump:
        if (after == kNoBlock) jump(block.taken, program_.live_at_exit(block, true));
        return;
      case Flow::Call: case Flow::CallIndirect: return lift_call(block, inst);
      case Flow::Return: case Flow::JumpIndirect: {
        if (inst.rv.format == RvFormat::Custom3) return lift_intrinsic(inst);
        const ValueId to = call_target(inst);
        add_map(program_.live_at_exit(block, true));
        emit(Op::JumpInd).src[0] = to;
        return;
      }
      case Flow::Stop: {
        // __builtin_trap(): a panic, for ever if the platform returns from it.
        const ValueId service = constant(static_cast<uint64_t>(fw::Service::Panic));
        ir::Inst& panic = emit(Op::Intrinsic);
        panic.imm = static_cast<int64_t>(ir::IntrinsicId::Platform);
        panic.src[0] = service;
        jump(block_, 0);
        return;
      }
    }
  }

  void lift_block(const Block& block, uint32_t after) {
    function_ = block.function;
    block_ = static_cast<uint32_t>(&block - program_.blocks.data());
    for (uint32_t i = block.first; i < block.first + block.count; ++i) {
      const ProgramInst& inst = program_.insts[i];
      if (register_use(inst.rv).writes & kFixedRegisters) fail(inst, "gp or tp changes");
      if (i + 1 < block.first + block.count) lift_plain(inst);
    }
    const ProgramInst& last = program_.last(block);
    if (last.rv.format == RvFormat::Illegal) fail(last, "an instruction that the builder does not know");
    lift_last(block, last, after);
  }

  const Program& program_;
  const Guidance& guidance_;
  Superblock& superblock_;
  translator::Region& region_;
  ValueId current_[32];
  uint32_t function_ = 0, block_ = 0;
};

}  // namespace

Superblock grow(const Program& program, const Guidance& guidance, uint32_t head, const SuperblockOptions& options) {
  Superblock out;
  unsigned insts = 0;
  double share = 1;
  std::ptrdiff_t round = 0;  // where the last round of a loop begins in out.blocks
  const bool rare = guidance.rare(head);
  for (uint32_t at = head; at != kNoBlock;) {
    const Block& block = program.blocks[at];
    bool again = std::find(out.blocks.begin() + round, out.blocks.end(), at) != out.blocks.end();
    const bool worth_copying = !guidance.knows(at) || guidance.counts[at].executed >= options.least_executed;
    if (again && at == head && guidance.knows(at) && worth_copying && 2 * insts <= options.max_unrolled) {
      // A loop's rounds follow each other: a taken branch costs as much as several molecules.
      again = false;
      round = static_cast<std::ptrdiff_t>(out.blocks.size());
    }
    const bool shared = at != head && block.predecessors > 1;
    const bool too_long = !out.blocks.empty() && (insts + block.count > options.max_insts || out.blocks.size() >= options.max_blocks);
    const bool copied = shared && (rare || !worth_copying || block.count > options.max_duplicated);
    if (again || too_long || copied || guidance.rare(at) != rare || share < options.least_share) break;
    out.blocks.push_back(at);
    insts += block.count;
    const ProgramInst& last = program.last(block);
    switch (last.flow) {
      case Flow::Next: at = block.next; break;
      case Flow::Branch:
        if (guidance.knows(at) && guidance.counts[at].executed != 0) {
          const BlockCount& count = guidance.counts[at];
          const bool taken = block.taken != kNoBlock && 2 * count.taken > count.executed;
          share *= static_cast<double>(taken ? count.taken : count.executed - count.taken) / static_cast<double>(count.executed);
          at = taken ? block.taken : block.next;
        } else {
          // Control mostly goes back: what follows a loop is no part of it.
          at = block.taken != kNoBlock && program.blocks[block.taken].first <= block.first ? kNoBlock : block.next;
        }
        break;
      case Flow::Jump: at = block.taken; break;
      default: at = kNoBlock; break;
    }
  }
  return out;
}

void lift(const Program& program, const Guidance& guidance, Superblock& superblock, translator::Region& region) {
  superblock.targets.clear();
  superblock.follows = superblock.continues_at = kNoBlock;
  Lifter(program, guidance, superblock, region).run();
}

}  // namespace chrysalis::image
