#include "hw/code_map.h"

#include <algorithm>

#include "hw/check.h"
#include "isa-host/codec.h"
#include "isa-host/functional.h"

namespace chrysalis::hw {
namespace {

constexpr unsigned kMaxBytes = 4 * isa::kMaxWords;
constexpr uint32_t kMemoryEffects = isa::kLoad | isa::kStore | isa::kProbe | isa::kPrefetch;

uint8_t flags_of(const isa::AtomInfo& row) {
  uint8_t flags = 0;
  if (row.has(kMemoryEffects)) flags |= kAccesses;
  if (row.has(isa::kBranch)) flags |= kBranches;
  if (row.has(isa::kCommit)) flags |= kCommits;
  if (row.has(isa::kRollback)) flags |= kRollsBack;
  if (row.has(isa::kSerializing)) flags |= kSerialises;
  return flags;
}

/// Rules B2, B3, B4 and, for eret, B6.
uint8_t redirect_penalty(const isa::MachineDescription& machine, const isa::Atom& atom) {
  if (atom.op == isa::Op::Eret) return machine.eret_penalty;
  if (atom.op == isa::Op::Ret) return machine.return_penalty;
  return isa::info(atom.op).has(isa::kIndirect) ? machine.indirect_penalty : machine.branch_penalty;
}

}  // namespace

CodeMap::CodeMap(const isa::MachineDescription& machine, const isa::PhysicalMemory& memory, CodeMarks& marks,
                 uint32_t line_size, Account& account)
    : machine_(machine), memory_(memory), marks_(marks), line_mask_(line_size - 1), account_(account),
      pages_((memory.concealed_size() >> kPageShift) + 1) {}

Decoded* CodeMap::enter(uint64_t address) {
  const uint64_t offset = address - memory_.concealed_base();
  std::unique_ptr<Page>& page = pages_[offset >> kPageShift];
  if (page == nullptr) page = std::make_unique<Page>();
  Decoded& molecule = molecules_.emplace_back();
  molecule.address = address;
  page->slot[offset >> 2 & (kSlots - 1)] = &molecule;
  return &molecule;
}

void CodeMap::decode(Decoded& molecule) {
  ++decodings_;
  const uint64_t left = memory_.concealed_base() + memory_.concealed_size() - molecule.address;
  const unsigned words = static_cast<unsigned>(std::min<uint64_t>(left, kMaxBytes) / 4);
  check(words != 0, "find() gives addresses of whole words only");
  marks_.mark(molecule.address, molecule.address + 4 * words);
  isa::Molecule source;
  // Concealed memory is mapped with at least the alignment of a word.
  const auto* bytes = reinterpret_cast<const uint32_t*>(memory_.ram(molecule.address, 4 * words));
  isa::CodecResult result = isa::decode(bytes, words, molecule.address, source);
  molecule.flags = molecule.count = molecule.faulting = molecule.late_count = molecule.memory_atoms = 0;
  molecule.div_cycles = molecule.fp_div_cycles = molecule.redirect_penalty = 0;
  molecule.load_register = kNoRegister;
  molecule.protects = molecule.reordered = false;
  molecule.waits_for[0] = molecule.waits_for[1] = 0;
  molecule.fault = isa::Event{};
  molecule.careful.reset();
  molecule.bytes = 4;
  molecule.account = &account_[modes_.at(molecule.address)];
  if (!result.ok()) {
    molecule.fault = {isa::Cause::IllegalMolecule, molecule.address, static_cast<uint64_t>(result.error)};
    molecule.flags = kFaulty;
  } else if (!isa::accepts(machine_, source)) {
    molecule.fault = {isa::Cause::IllegalMolecule, molecule.address, isa::kInfoNotThisMachine};
    molecule.flags = kFaulty;
  } else {
    analyse(molecule, source);
  }
  molecule.end = molecule.address + molecule.bytes;
  if (molecule.target == nullptr) molecule.target_address = molecule.end;  // which no redirect leads to (rule B1)
  molecule.next = find(molecule.end);
  const uint64_t first = molecule.address & ~line_mask_, last = (molecule.end - 1) & ~line_mask_;
  molecule.line = first == last ? first : Decoded::kCrossing;
}

void CodeMap::analyse(Decoded& molecule, const isa::Molecule& source) {
  molecule.bytes = source.bytes;
  unsigned div = 0, fp_div = 0;
  for (unsigned i = 0; i < source.count; ++i) {
    const isa::Atom& atom = source.atoms[i];
    const isa::AtomInfo& row = isa::info(atom.op);
    const isa::RegUse use = isa::reg_use(atom);
    molecule.flags |= flags_of(row);
    if (row.has(isa::kBranch)) molecule.redirect_penalty = redirect_penalty(machine_, atom);
    for (unsigned r = 0; r < use.read_count; ++r) molecule.waits_for[use.reads[r] >> 6] |= uint64_t{1} << (use.reads[r] & 63);
    for (unsigned w = 0; w < use.write_count; ++w) molecule.waits_for[use.writes[w] >> 6] |= uint64_t{1} << (use.writes[w] & 63);
    unsigned latency = machine_.latency[static_cast<unsigned>(row.latency)];
    // Rule X2: the second atom for an iterative unit follows the first.
    if (row.latency == isa::Latency::Div) latency = div += latency;
    if (row.latency == isa::Latency::FpDiv || row.latency == isa::Latency::FpSqrt) latency = fp_div += latency;
    if (row.has(kMemoryEffects)) {
      ++molecule.memory_atoms;
      molecule.protects |= row.has(isa::kProtect);
      if (row.has(isa::kLoad)) molecule.load_register = load_destination(atom);
      continue;
    }
    for (unsigned w = 0; w < use.write_count && latency > 1; ++w) {
      molecule.late[molecule.late_count++] = {use.writes[w], static_cast<uint8_t>(std::min(latency, 255u))};
    }
  }
  molecule.div_cycles = static_cast<uint8_t>(std::min(div, 255u));
  molecule.fp_div_cycles = static_cast<uint8_t>(std::min(fp_div, 255u));
  if (div + fp_div != 0) molecule.flags |= kIterative;

  const isa::Prepared<ModelCore> prepared(source);
  molecule.count = prepared.plan.count;
  molecule.faulting = prepared.plan.faulting;
  if (!prepared.plan.ordered) {
    molecule.flags |= kCareful;
    molecule.careful = std::make_unique<isa::Prepared<ModelCore>>(prepared);
  }
  if (molecule.room < molecule.count) {
    molecule.steps = steps_.emplace_back(new Step[molecule.count]).get();
    molecule.room = molecule.count;
  }
  for (unsigned i = 0; i < molecule.count; ++i) {
    molecule.steps[i] = {prepared.run[i], prepared.plan.atoms[i], load_destination(prepared.plan.atoms[i]), prepared.plan.source[i]};
    molecule.reordered |= i != 0 && i < molecule.faulting && prepared.plan.source[i] < prepared.plan.source[i - 1];
  }
}

void CodeMap::written(uint64_t address, uint64_t size) {
  const uint64_t base = memory_.concealed_base();
  const uint64_t first = std::max((address & ~uint64_t{3}) - (kMaxBytes - 4), base);
  const uint64_t end = std::min(address + size, base + memory_.concealed_size());
  for (uint64_t at = first; at < end; at += 4) {
    const Page* page = pages_[(at - base) >> kPageShift].get();
    if (page == nullptr) {
      at |= (uint64_t{1} << kPageShift) - 4;
      continue;
    }
    Decoded* molecule = page->slot[(at - base) >> 2 & (kSlots - 1)];
    if (molecule == nullptr || molecule->line == Decoded::kUndecoded) continue;
    // Why bytes are no molecule may depend on more than the first word.
    const uint64_t extent = molecule->fault.cause != isa::Cause::None ? kMaxBytes : molecule->bytes;
    if (at + extent > address) molecule->line = Decoded::kUndecoded;
  }
}

void CodeMap::set_mode(uint64_t begin, uint64_t end, Mode mode) {
  modes_.set(begin, end, mode);
  for (Decoded& molecule : molecules_) {
    if (molecule.address >= begin && molecule.address < end) molecule.account = &account_[mode];
  }
}

}  // namespace chrysalis::hw
