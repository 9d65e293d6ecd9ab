#include "sim/cosim/cosim.h"

#include <utility>
#include <vector>

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "sim/cosim/record_text.h"
#include "sim/engine.h"
#include "sim/error.h"

namespace chrysalis::sim {

Cosim::Cosim() = default;
Cosim::Cosim(Options options) : options_(std::move(options)) {}
Cosim::~Cosim() = default;

void Cosim::begin(Engine& engine, const isa::MachineModel&) {
  engine_ = &engine;
  const isa::PhysicalMemory* leader = engine.physical_memory();
  const isa::CoreConfig* config = engine.core_config();
  if (leader == nullptr || config == nullptr) throw UserError("cosim needs --fidelity cycle and --firmware core");
  if (options_.rtl) replica_ = std::make_unique<Replica>(engine, *options_.rtl);
  if (options_.reference) reference_ = std::make_unique<Reference>(*leader);
  memory_ = std::make_unique<isa::PhysicalMemory>(leader->guest_size(), leader->concealed_base(), leader->concealed_size());
  follower_ = std::make_unique<hw::Follower>(*config, *leader, *memory_, [&engine] { engine.stop(); });
  follower_->page_copied = [this](uint64_t address, const uint8_t* bytes) {
    if (replica_) replica_->page(address, bytes);
    if (reference_) reference_->page(address, bytes);
  };
}

void Cosim::molecule(const hw::Observation& observation) {
  if (disturb) disturb(*follower_);
  follower_->observe(observation);
  const std::optional<bool> service = std::exchange(service_, std::nullopt);
  if (replica_) {
    if (service) replica_->service(*service);
    replica_->record(observation);
    if (replica_->differs()) engine_->stop();
  }
  if (reference_ && !follower_->difference()) {
    const isa::FunctionalCore& core = follower_->executor().core();
    if (service) reference_->service_done(core.special[static_cast<unsigned>(isa::Special::Gcount)]);
    if (!observation.record->committed) return;
    if (disturb_reference) disturb_reference(*reference_);
    reference_->commit(observation, core.shadow);
    if (reference_->difference()) engine_->stop();
  }
}

void Cosim::before_service(fw::Service kind) {
  follower_->before_service();
  if (reference_) reference_->before_service(kind);
}
void Cosim::after_service(bool stop) {
  follower_->after_service({stop, false, 0});
  if (reference_) reference_->after_service();
  service_ = stop;
}
void Cosim::end(uint64_t) {
  if (replica_) replica_->finish();
}

/// Of two differences the earlier counts.
bool Cosim::of_the_rtl() const {
  if (!replica_ || !replica_->difference()) return false;
  return !follower_->difference() || replica_->difference()->record <= follower_->difference()->record;
}
const std::optional<hw::Difference>& Cosim::difference() const { return of_the_rtl() ? replica_->difference() : follower_->difference(); }
uint64_t Cosim::records() const { return follower_->records(); }
uint64_t Cosim::commits() const { return follower_->commits(); }

std::string Cosim::record_lines() const {
  std::string text = kRecordHeading;
  if (of_the_rtl()) return text + replica_->record_lines();
  for (const hw::Follower::Step& step : follower_->recent()) text += line_of(step.observation, step.record) + "\n";
  return text;
}

/// The x86 instructions from the last commit on which both agree: the first that is wrong is among them or follows.
std::string Cosim::guest_code(uint64_t eip) const {
  constexpr unsigned kInstructions = 12;
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

std::string Cosim::host_code() const {
  if (of_the_rtl()) return replica_->host_code();
  std::string text;
  const std::vector<hw::Follower::Step> steps = follower_->recent();
  for (std::size_t i = steps.size() > 12 ? steps.size() - 12 : 0; i < steps.size(); ++i) {
    const hw::Observation& o = steps[i].observation;
    text += fmt::format("{} {:>10}  {:#x}  {}\n", i + 1 == steps.size() ? ">" : " ", o.issued, o.address,
                        sim::host_code(*engine_->physical_memory(), o.address));
  }
  return text;
}

std::string Cosim::report() const {
  if (!difference()) return reference_ ? reference_->report() : "";
  const hw::Difference& d = *difference();
  const bool rtl = of_the_rtl();
  std::string text = fmt::format("The cores differ in record {}, cycle {}, molecule {:#x}:\n  {}: SystemC core {}, {} {}\n", d.record,
                                 d.cycle, d.address, d.field, d.leader, rtl ? "RTL core" : "functional executor", d.follower);
  const uint64_t instructions =
      rtl ? replica_->instructions() : follower_->executor().core().special[static_cast<unsigned>(isa::Special::Gcount)];
  text += fmt::format("Both agree up to the commit at eip {:#010x}, after {} x86 instructions. From there:\n{}", d.guest_pc, instructions,
                      guest_code(d.guest_pc));
  text += "Host code, the last molecules:\n" + host_code();
  if (rtl && !replica_->waves().empty()) text += "Waves: " + replica_->waves() + "\n";
  return text;
}

}  // namespace chrysalis::sim
