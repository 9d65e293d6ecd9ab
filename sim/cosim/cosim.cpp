#include "sim/cosim/cosim.h"

#include <cstring>

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "isa-host/assembler.h"
#include "isa-host/codec.h"
#include "sim/engine.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

std::string register_name(unsigned reg) { return fmt::format("{}{}", reg < isa::kFpFile ? 'r' : 'f', reg % isa::kFpFile); }

const char* kind_name(isa::AccessKind kind) {
  switch (kind) {
    case isa::AccessKind::GuestLoad: return "guest load";
    case isa::AccessKind::GuestStore: return "guest store";
    case isa::AccessKind::ConcealedLoad: return "load";
    case isa::AccessKind::ConcealedStore: return "store";
    case isa::AccessKind::GuestPrefetch: case isa::AccessKind::ConcealedPrefetch: break;
  }
  return "prefetch";
}

std::string line_of(const hw::Follower::Step& step) {
  const hw::Observation& o = step.observation;
  std::string line = fmt::format("{:>10} {:>10} {:#x}", o.ready, o.issued, o.address);
  if (o.event != isa::Cause::None) {
    return line + fmt::format(" {} eaddr={:#x} einfo={:#x}", isa::name(o.event), step.record.event_address, step.record.event_info);
  }
  for (unsigned i = 0; i < step.record.write_count; ++i) {
    const hw::RegisterWrite& write = step.record.writes[i];
    line += write.reg < isa::kFpFile ? fmt::format(" {}={:#x}", register_name(write.reg), write.value.low)
                                     : fmt::format(" {}={:#018x}{:016x}", register_name(write.reg), write.value.high, write.value.low);
  }
  for (unsigned i = 0; i < step.record.access_count; ++i) {
    const hw::MemoryAccess& access = step.record.accesses[i];
    line += fmt::format(" [{} {:#x}+{}]", kind_name(access.kind), access.address, access.size);
  }
  if (step.record.committed) {
    const hw::CommitRecord& commit = step.record.commit;
    line += fmt::format(" commit eip={:#x} instructions={} stores={} digest={:016x}", commit.guest_pc, commit.total_instructions,
                        commit.store_count, commit.digest);
  }
  return line;
}

}  // namespace

Cosim::Cosim() = default;
Cosim::~Cosim() = default;

void Cosim::begin(Engine& engine, const isa::MachineModel&) {
  engine_ = &engine;
  const isa::PhysicalMemory* leader = engine.physical_memory();
  const isa::CoreConfig* config = engine.core_config();
  if (leader == nullptr || config == nullptr) throw UserError("cosim needs --fidelity cycle and --firmware core");
  memory_ = std::make_unique<isa::PhysicalMemory>(leader->guest_size(), leader->concealed_base(), leader->concealed_size());
  follower_ = std::make_unique<hw::Follower>(*config, *leader, *memory_, [&engine] { engine.stop(); });
}

void Cosim::molecule(const hw::Observation& observation) {
  if (disturb) disturb(*follower_);
  follower_->observe(observation);
}

void Cosim::before_service() { follower_->before_service(); }
void Cosim::after_service(bool stop) { follower_->after_service({stop, false, 0}); }

const std::optional<hw::Difference>& Cosim::difference() const { return follower_->difference(); }
uint64_t Cosim::records() const { return follower_->records(); }
uint64_t Cosim::commits() const { return follower_->commits(); }

std::string Cosim::record_lines() const {
  std::string text = "#    ready     issued host-pc, register writes, accesses, commit\n";
  for (const hw::Follower::Step& step : follower_->recent()) text += line_of(step) + "\n";
  return text;
}

/// The x86 instructions from the last commit on which both agree: the first that is wrong is among them or follows.
std::string Cosim::guest_code() const {
  constexpr unsigned kInstructions = 12;
  uint64_t eip = follower_->guest_pc();
  std::string text;
  for (unsigned i = 0; i < kInstructions; ++i) {
    uint8_t bytes[15];
    unsigned size = 0;
    while (size < sizeof bytes) {
      const uint64_t entry = follower_->executor().core().tlb_probe(static_cast<uint32_t>(eip + size));
      if (entry == 0) break;
      const uint64_t physical = (entry & ~(isa::kPageSize - 1)) + ((eip + size) & (isa::kPageSize - 1));
      const uint8_t* byte = memory_->ram(physical & 0xffff'ffff, 1);
      if (byte == nullptr) break;
      bytes[size++] = *byte;
    }
    ZydisDisassembledInstruction instruction;
    if (size == 0 || !ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LEGACY_32, eip, bytes, size, &instruction))) {
      text += fmt::format("  {:#010x}  {}\n", eip, size == 0 ? "(no TLB entry maps it as data)" : "(no instruction)");
      break;
    }
    text += fmt::format("  {:#010x}  {}\n", eip, instruction.text);
    eip += instruction.info.length;
  }
  return text;
}

std::string Cosim::host_code(uint64_t address) const {
  const isa::PhysicalMemory& memory = *engine_->physical_memory();
  const uint64_t end = memory.concealed_base() + memory.concealed_size();
  uint32_t words[isa::kMaxWords] = {};
  const unsigned available = address < memory.concealed_base() || address >= end ? 0 : static_cast<unsigned>(std::min<uint64_t>((end - address) / 4, isa::kMaxWords));
  if (available == 0) return "(no code can be here)";
  std::memcpy(words, memory.ram(address, 4 * available), 4 * available);
  isa::Molecule molecule;
  if (!isa::decode(words, available, address, molecule).ok()) return "(no molecule)";
  return isa::disassemble(molecule);
}

std::string Cosim::report() const {
  if (!difference()) return "";
  const hw::Difference& d = *difference();
  std::string text = fmt::format("The cores differ in record {}, cycle {}, molecule {:#x}:\n  {}: SystemC core {}, functional executor {}\n", d.record,
                                 d.cycle, d.address, d.field, d.leader, d.follower);
  text += fmt::format("Both agree up to the commit at eip {:#010x}, after {} x86 instructions. From there:\n{}", d.guest_pc,
                      follower_->executor().core().special[static_cast<unsigned>(isa::Special::Gcount)], guest_code());
  text += "Host code, the last molecules:\n";
  const std::vector<hw::Follower::Step> steps = follower_->recent();
  for (std::size_t i = steps.size() > 12 ? steps.size() - 12 : 0; i < steps.size(); ++i) {
    const hw::Observation& o = steps[i].observation;
    text += fmt::format("{} {:>10}  {:#x}  {}\n", i + 1 == steps.size() ? ">" : " ", o.issued, o.address, host_code(o.address));
  }
  return text;
}

}  // namespace chrysalis::sim
