#include "firmware/image/program.h"

#include <elf.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "firmware/image/error.h"
#include "translator/ir/intrinsics.h"

namespace chrysalis::image {
namespace {

// The calling convention (RISC-V ELF psABI, "Integer Register Convention").
constexpr uint32_t bits(unsigned first, unsigned last) { return (last == 31 ? 0u : 1u << (last + 1)) - (1u << first); }
constexpr uint32_t kRa = 1u << 1, kAlternateLink = 1u << 5;
constexpr uint32_t kKept = bits(2, 4) | bits(8, 9) | bits(18, 27);  // sp gp tp s0..s11
constexpr uint32_t kArguments = bits(10, 17);
constexpr uint32_t kResults = bits(10, 11);
constexpr uint32_t kEverything = bits(1, 30) | 1u << 31;

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

class Analyzer {
 public:
  explicit Analyzer(const ElfFile& elf) : elf_(elf) {}

  Program run() {
    find_functions();
    decode();
    apply_relocations();
    classify();
    find_leaders();
    form_blocks();
    connect();
    compute_liveness();
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(uint64_t address, const std::string& what) const {
    throw ImageError(what + " at " + hex(address) + " in " + program_.functions[function_at(address)].name);
  }

  // Names of parts that the compiler split off, such as f.cold, belong to the whole.
  static std::string base_name(const std::string& name) {
    const size_t cold = name.find(".cold");
    return cold == std::string::npos ? name : name.substr(0, cold);
  }

  void find_functions() {
    program_.functions.push_back({"(none)", 0});
    for (const ElfSymbol& symbol : elf_.symbols) {
      const bool named = symbol.type == STT_FUNC || (symbol.type == STT_NOTYPE && !symbol.name.empty() && symbol.name[0] != '.' && symbol.name[0] != '$');
      if (named && symbol.section != SHN_UNDEF && elf_.code_section(symbol.address)) {
        program_.functions.push_back({base_name(symbol.name), symbol.address});
      }
    }
    std::stable_sort(program_.functions.begin(), program_.functions.end(),
                     [](const Function& a, const Function& b) { return a.address < b.address; });
  }

  uint32_t function_at(uint64_t address) const {
    const auto after = std::upper_bound(program_.functions.begin(), program_.functions.end(), address,
                                        [](uint64_t a, const Function& f) { return a < f.address; });
    return static_cast<uint32_t>(after - program_.functions.begin()) - 1;
  }

  void decode() {
    for (const ElfSection& section : elf_.sections) {
      if (!section.allocated || !section.executable) continue;
      for (uint64_t at = 0; at + 4 <= section.bytes.size(); at += 4) {
        uint32_t word;
        std::memcpy(&word, &section.bytes[at], 4);
        ProgramInst inst;
        inst.rv = decode_riscv(word);
        inst.address = section.address + at;
        index_[inst.address] = static_cast<uint32_t>(program_.insts.size());
        program_.insts.push_back(inst);
      }
    }
  }

  ProgramInst* inst_at(uint64_t address) {
    const auto found = index_.find(address);
    return found == index_.end() ? nullptr : &program_.insts[found->second];
  }

  bool is_code(uint64_t address) const { return elf_.code_section(address) != nullptr; }

  /// The instruction's result is the address `target`; code addresses change, data addresses stay.
  void deliver(ProgramInst& inst, uint64_t target) {
    inst.delivers_target = true;
    inst.target = target;
  }

  void apply_relocations() {
    std::map<uint64_t, uint64_t> pc_relative;  // auipc address -> target
    for (const ElfRelocation& relocation : elf_.relocations) {
      if (relocation.type == R_RISCV_PCREL_HI20) pc_relative[relocation.address] = relocation.target;
    }
    for (const ElfRelocation& relocation : elf_.relocations) {
      ProgramInst* inst = inst_at(relocation.address);
      if (inst == nullptr) {
        apply_to_data(relocation);
        continue;
      }
      const uint64_t target = relocation.defined ? relocation.target : 0;
      switch (relocation.type) {
        case R_RISCV_BRANCH: case R_RISCV_JAL: case R_RISCV_RELAX: case R_RISCV_ALIGN: case R_RISCV_NONE: break;
        case R_RISCV_CALL:
        case R_RISCV_CALL_PLT: {
          ProgramInst* jump = inst_at(relocation.address + 4);
          if (jump == nullptr || jump->rv.format != RvFormat::Jalr) fail(relocation.address, "a call relocation without a call");
          inst->ignored = true;
          jump->flow = jump->rv.rd == 0 ? Flow::Jump : Flow::Call;
          jump->target = target;
          break;
        }
        case R_RISCV_HI20:
          // Useful only together with a LO12 of the same symbol, which then delivers the whole.
          if (is_code(target)) inst->ignored = true;
          break;
        case R_RISCV_LO12_I: apply_low(*inst, target, is_code(target)); break;
        case R_RISCV_PCREL_HI20:
          if (is_code(target)) inst->ignored = true;
          else deliver(*inst, target & ~uint64_t{0xfff});
          break;
        case R_RISCV_PCREL_LO12_I: {
          const auto high = pc_relative.find(relocation.target);
          if (high == pc_relative.end()) fail(relocation.address, "a low part without its high part");
          apply_pc_relative(*inst, high->second);
          break;
        }
        case R_RISCV_PCREL_LO12_S: {
          const auto high = pc_relative.find(relocation.target);
          if (high == pc_relative.end() || is_code(high->second)) fail(relocation.address, "a store into code");
          inst->rv.imm = static_cast<int64_t>(high->second & 0xfff);
          break;
        }
        case R_RISCV_LO12_S:
          if (is_code(target)) fail(relocation.address, "a store into code");
          break;
        default: fail(relocation.address, "unsupported relocation type " + std::to_string(relocation.type));
      }
    }
  }

  void apply_low(ProgramInst& inst, uint64_t target, bool code) {
    if (!code) return;
    if (inst.rv.format == RvFormat::Jalr) {
      inst.flow = inst.rv.rd == 0 ? Flow::Jump : Flow::Call;
      inst.target = target;
    } else if (inst.rv.format == RvFormat::I && inst.rv.op == ir::Op::Add) {
      deliver(inst, target);
    } else {
      fail(inst.address, "code read as data");
    }
  }

  /// auipc leaves the page of its target here, which the low part completes.
  void apply_pc_relative(ProgramInst& inst, uint64_t target) {
    if (inst.rv.format == RvFormat::I && inst.rv.op == ir::Op::Add) deliver(inst, target);
    else if (inst.rv.format == RvFormat::L && !is_code(target)) inst.rv.imm = static_cast<int64_t>(target & 0xfff);
    else fail(inst.address, "unsupported use of a pc-relative address");
  }

  void apply_to_data(const ElfRelocation& relocation) {
    if (!relocation.defined || !is_code(relocation.target)) return;
    if (relocation.type != R_RISCV_64 && relocation.type != R_RISCV_32) {
      throw ImageError("a code address at " + hex(relocation.address) + " has relocation type " +
                       std::to_string(relocation.type) + "; differences of code addresses are not supported");
    }
    taken_.push_back(relocation.target);
  }

  void classify() {
    for (ProgramInst& inst : program_.insts) {
      if (inst.ignored) continue;
      const RvInst& rv = inst.rv;
      switch (rv.format) {
        case RvFormat::Illegal: continue;  // an error only where control gets to
        case RvFormat::B: case RvFormat::BN: inst.flow = Flow::Branch; inst.target = inst.address + static_cast<uint64_t>(rv.imm); break;
        case RvFormat::Jal: inst.flow = rv.rd == 0 ? Flow::Jump : Flow::Call; inst.target = inst.address + static_cast<uint64_t>(rv.imm); break;
        case RvFormat::Jalr:
          if (inst.flow != Flow::Next) break;
          if (rv.rd != 0) inst.flow = Flow::CallIndirect;
          else inst.flow = rv.rs1 == 1 && rv.imm == 0 ? Flow::Return : Flow::JumpIndirect;
          break;
        case RvFormat::Auipc:
          if (!inst.delivers_target) fail(inst.address, "auipc without relocation");
          break;
        case RvFormat::Ebreak: inst.flow = Flow::Stop; break;
        case RvFormat::Custom3: {
          const auto id = static_cast<ir::IntrinsicId>(rv.funct7);
          const bool leaves = id == ir::IntrinsicId::Eret;
          if (leaves) inst.flow = Flow::JumpIndirect;
          break;
        }
        default: break;
      }
      if (inst.delivers_target && is_code(inst.target)) taken_.push_back(inst.target);
    }
  }

  void find_leaders() {
    const auto lead = [this](uint64_t address) {
      if (index_.count(address)) leaders_[address] = true;
    };
    for (const Function& function : program_.functions) lead(function.address);
    for (const uint64_t address : taken_) lead(address);
    for (const ProgramInst& inst : program_.insts) {
      if (inst.flow == Flow::Next) continue;
      lead(inst.address + 4);
      if (inst.flow == Flow::Branch || inst.flow == Flow::Jump || inst.flow == Flow::Call) {
        if (!index_.count(inst.target)) fail(inst.address, "a branch to " + hex(inst.target) + ", which is no code,");
        leaders_[inst.target] = true;
      }
    }
  }

  void form_blocks() {
    for (uint32_t i = 0; i < program_.insts.size(); ++i) {
      const uint64_t address = program_.insts[i].address;
      const bool gap = i == 0 || program_.insts[i - 1].address + 4 != address;
      if (gap || leaders_.count(address)) {
        Block block;
        block.first = i;
        block.function = shared_function(function_at(address));
        program_.block_index[address] = static_cast<uint32_t>(program_.blocks.size());
        program_.blocks.push_back(block);
      }
      ++program_.blocks.back().count;
    }
  }

  void connect() {
    for (const uint64_t address : taken_) {
      const uint32_t block = program_.block_at(address);
      if (block == kNoBlock) throw ImageError("a pointer into code, " + hex(address) + ", points at no instruction");
      program_.blocks[block].address_taken = true;
      program_.blocks[block].predecessors += 2;
    }
    for (Block& block : program_.blocks) {
      const ProgramInst& last = program_.last(block);
      const bool falls = last.flow == Flow::Next || last.flow == Flow::Branch || last.flow == Flow::Call || last.flow == Flow::CallIndirect;
      if (falls) block.next = program_.block_at(last.address + 4);
      if (last.flow == Flow::Branch || last.flow == Flow::Jump || last.flow == Flow::Call) block.taken = program_.block_at(last.target);
      if (block.next != kNoBlock) program_.blocks[block.next].predecessors += last.flow == Flow::Next || last.flow == Flow::Branch ? 1 : 2;
      if (block.taken != kNoBlock) program_.blocks[block.taken].predecessors += last.flow == Flow::Call ? 2 : 1;
    }
  }

  void compute_liveness() {
    program_.indirect_live.assign(program_.functions.size(), 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t b = program_.blocks.size(); b-- > 0;) {
        Block& block = program_.blocks[b];
        uint32_t live = program_.live_out(block);
        for (uint32_t i = block.first + block.count; i-- > block.first;) {
          const ProgramInst& inst = program_.insts[i];
          if (inst.ignored) continue;
          const RvUse use = register_use(inst.rv);
          const bool no_reads = inst.delivers_target || ((inst.flow == Flow::Jump || inst.flow == Flow::Call) && inst.rv.format == RvFormat::Jalr);
          live = (live & ~use.writes) | (no_reads ? 0 : use.reads);
        }
        if (live == block.live_in) continue;
        block.live_in = live;
        changed = true;
        if (block.address_taken) program_.indirect_live[block.function] |= live;
      }
    }
  }

  /// Parts of one function count as one: computed jumps go between them.
  uint32_t shared_function(uint32_t function) {
    if (share_.empty()) {
      std::map<std::string, uint32_t> first;
      for (uint32_t f = 0; f < program_.functions.size(); ++f) share_.push_back(first.emplace(program_.functions[f].name, f).first->second);
    }
    return share_[function];
  }

  const ElfFile& elf_;
  Program program_;
  std::map<uint64_t, uint32_t> index_;
  std::map<uint64_t, bool> leaders_;
  std::vector<uint64_t> taken_;
  std::vector<uint32_t> share_;
};

}  // namespace

uint32_t Program::block_at(uint64_t address) const {
  const auto found = block_index.find(address);
  return found == block_index.end() ? kNoBlock : found->second;
}

uint32_t Program::live_at_exit(const Block& block, bool taken) const {
  const ProgramInst& inst = last(block);
  const auto entry = [this](uint32_t b) { return b == kNoBlock ? 0u : blocks[b].live_in; };
  switch (inst.flow) {
    case Flow::Next: return entry(block.next);
    case Flow::Branch: return taken ? entry(block.taken) : entry(block.next);
    case Flow::Jump: return entry(block.taken);
    // What lives across a call is in registers that the callee keeps, and the callee's own needs include them
    // only if it returns.
    case Flow::Call: return entry(block.taken) | kKept | 1u << inst.rv.rd;
    case Flow::CallIndirect: return kArguments | kKept | 1u << inst.rv.rd;
    case Flow::Return: return kResults | kKept;
    case Flow::JumpIndirect:
      if (inst.rv.format == RvFormat::Jalr && (1u << inst.rv.rs1) == kAlternateLink) return kEverything;
      return indirect_live[block.function] | kArguments | kKept | kRa;
    case Flow::Stop: return 0;
  }
  return kEverything;
}

uint32_t Program::live_out(const Block& block) const {
  uint32_t live = live_at_exit(block, true);
  if (last(block).flow == Flow::Branch) live |= live_at_exit(block, false);
  return live;
}

Program analyze(const ElfFile& elf) { return Analyzer(elf).run(); }

}  // namespace chrysalis::image
