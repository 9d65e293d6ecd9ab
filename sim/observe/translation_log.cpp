#include "sim/observe/translation_log.h"

#include <cstddef>
#include <stdexcept>

#include <fmt/format.h>

#include "sim/engine.h"
#include "sim/observe/concealed_view.h"
#include "x86-frontend/decoded.h"

namespace chrysalis::sim {
namespace {

constexpr uint64_t kCodeCacheEnd = fw::kGearAreaBase[2] + fw::kGearAreaSize[2];
constexpr uint64_t kCodeCacheWords = (kCodeCacheEnd - fw::kCodeCacheBase) / 4;

/// A region of the firmware's.
translator::Region import_region(const ConcealedView& memory, uint64_t address) {
  // An object of the firmware's is looked at through its bytes; it is never constructed here, nor destroyed.
  struct alignas(translator::Region) Bytes {
    std::byte byte[sizeof(translator::Region)];
  };
  const Bytes bytes = memory.read<Bytes>(address);
  // Naming every member, so that a new one does not compile here until it is copied as well.
  const auto& [code, entry, bindings, maps, allocatable, readable, stack, in_order, rmaps, eip, next_eip, precise, faults_roll_back, committed, skipped] =
      *reinterpret_cast<const translator::Region*>(&bytes);
  const auto& [insts, next_value] = code;
  translator::Region region;
  region.code.insts = memory.elements(insts);
  region.code.next_value = next_value;
  region.entry = memory.elements(entry);
  region.bindings = memory.elements(bindings);
  region.maps = memory.elements(maps);
  region.allocatable = allocatable;
  region.readable = readable;
  region.stack = stack;
  region.in_order = memory.elements(in_order);
  region.rmaps = memory.elements(rmaps);
  region.eip = eip;
  region.next_eip = next_eip;
  region.precise = precise;
  region.faults_roll_back = faults_roll_back;
  region.committed = committed;
  region.skipped = skipped;
  return region;
}

}  // namespace

uint64_t TranslationRecord::cycles() const {
  uint64_t sum = rolled_back_cycles;
  for (const WordCount& count : counts) sum += count.cycles;
  return sum;
}

uint64_t TranslationRecord::rollbacks() const {
  uint64_t sum = 0;
  for (const auto& [where, count] : events) sum += isa::rolls_back(where.second) ? count : 0;
  return sum;
}

void TranslationLog::begin(Engine& engine, const isa::MachineModel& machine) {
  engine_ = &engine;
  machine_ = &machine;
  owner_.assign(kCodeCacheWords, 0);
}

const fw::Mailbox& TranslationLog::mailbox() const { return engine_->mailbox(); }

const TranslationRecord* TranslationLog::at(uint64_t address) const {
  const uint64_t word = (address - fw::kCodeCacheBase) / 4;
  return word < owner_.size() && owner_[word] != 0 ? records_[owner_[word] - 1].get() : nullptr;
}

TranslationRecord* TranslationLog::find(uint64_t code) { return const_cast<TranslationRecord*>(at(code)); }

void TranslationLog::molecule(const hw::Observation& observation) {
  // Unsigned: addresses below are far beyond the end.
  const uint64_t word = (observation.address - fw::kGearAreaBase[0]) / 4 + fw::kCodeStubsSize / 4;
  if (word >= owner_.size() || owner_[word] == 0) return;
  TranslationRecord& record = *records_[owner_[word] - 1];
  const auto at = static_cast<uint32_t>((observation.address - record.code) / 4);
  if (observation.event != isa::Cause::None) {
    ++record.events[{at, observation.event}];
    record.rolled_back_cycles += observation.done - observation.up;
    return;
  }
  WordCount& count = record.counts[at];
  ++count.executed;
  count.left += observation.next != observation.end;
  count.cycles += observation.done - observation.up;
  record.committed += observation.instructions;
}

void TranslationLog::notice(const fw::Notice& notice, uint64_t cycle) {
  const ConcealedView memory(engine_->concealed());
  switch (notice.kind) {
    case fw::NoticeKind::Translating:
      pending_ = {};
      pending_.began = cycle;
      break;
    case fw::NoticeKind::Formed: {
      const fw::FormedRegion& formed = notice.formed;
      if (formed.region_size != sizeof(translator::Region) || formed.options_size != sizeof(translator::CompileOptions) ||
          formed.inst_size != sizeof(ir::Inst) || formed.call_out_size != sizeof(fw::CallOut))
        throw std::logic_error("the firmware lays its objects out differently");
      TranslationRecord::Part& part =
          pending_.parts.emplace_back(TranslationRecord::Part{pending_.source.size(), {}, memory.read<translator::CompileOptions>(formed.options)});
      for (uint32_t path = 0; path < formed.path_count; ++path) {
        part.tree.push_back(import_region(memory, formed.tree + path * sizeof(translator::Region)));
      }
      // Functions of the firmware's are not ours to call.
      part.options.after_pass = nullptr;
      part.options.observer = nullptr;
      part.options.clock = nullptr;
      for (const uint32_t eip : memory.array<uint32_t>(formed.addresses, formed.address_count)) pending_.source.push_back({eip, fetch(eip)});
      for (const fw::CallOut& out : memory.array<fw::CallOut>(formed.call_outs, formed.call_out_count))
        fetch_run(out.eip, out.instructions, pending_.source);
      break;
    }
    case fw::NoticeKind::Installed: installed(notice, cycle); break;
    case fw::NoticeKind::Dropped:
      if (TranslationRecord* record = find(notice.code)) {
        record->dropped = cycle;
        record->reason = notice.reason;
      }
      break;
    case fw::NoticeKind::Reactivated:
      if (TranslationRecord* record = find(notice.code)) record->dropped = UINT64_MAX;
      break;
    case fw::NoticeKind::Chained:
      if (TranslationRecord* record = find(notice.code)) ++record->chained;
      break;
    case fw::NoticeKind::Unchained:
      if (TranslationRecord* record = find(notice.code)) ++record->unchained;
      break;
    case fw::NoticeKind::Learned:
      if (TranslationRecord* record = find(notice.code)) record->learned.push_back(static_cast<isa::Cause>(notice.cause));
      break;
    case fw::NoticeKind::Refused:
    case fw::NoticeKind::kCount: break;
  }
}

void TranslationLog::installed(const fw::Notice& notice, uint64_t cycle) {
  const ConcealedView memory(engine_->concealed());
  auto record = std::make_unique<TranslationRecord>();
  record->id = static_cast<uint32_t>(records_.size());
  record->gear = notice.gear;
  record->eip = notice.eip;
  record->key = notice.key;
  record->checks = notice.checks;
  record->code = notice.code;
  record->first_exit = notice.first_exit;
  record->words = memory.array<uint32_t>(notice.code, notice.bytes / 4);
  record->exits = memory.array<fw::Exit>(notice.exits, notice.exit_count);
  record->began = pending_.began;
  record->installed = cycle;
  record->counts.resize(record->words.size());
  record->source = std::move(pending_.source);
  if (pending_.parts.empty()) fetch_run(notice.eip, notice.instructions, record->source);
  record->parts = std::move(pending_.parts);
  const uint64_t first = (notice.code - fw::kCodeCacheBase) / 4;
  for (uint64_t word = first; word < first + record->words.size(); ++word) owner_[word] = record->id + 1;
  records_.push_back(std::move(record));
}

/// Appends `count` instructions from `eip` on.
void TranslationLog::fetch_run(uint32_t eip, uint32_t count, std::vector<SourceInstruction>& out) const {
  for (; count != 0; --count) {
    out.push_back({eip, fetch(eip)});
    eip += static_cast<uint32_t>(out.back().bytes.size());
  }
}

/// The bytes of the instruction at `eip`, in the present address space.
std::vector<uint8_t> TranslationLog::fetch(uint32_t eip) const {
  uint8_t bytes[x86::kMaxInstructionLength];
  unsigned count = 0;
  while (count < sizeof bytes && read_guest(eip + count, bytes[count])) ++count;
  x86::DecodedInst inst;
  if (x86::decode({bytes, count}, inst) != x86::DecodeStatus::Ok)
    throw std::logic_error(fmt::format("translated code at {:#x} is no instruction", eip));
  return {bytes, bytes + inst.length};
}

/// By 32-bit paging (SDM Vol. 3, 4.3), as the guest's page tables are now.
bool TranslationLog::read_guest(uint32_t linear, uint8_t& byte) const {
  const std::span<const uint8_t> ram = engine_->guest_ram();
  constexpr uint32_t kPresent = 1, kLarge = 0x80, kFrame = ~uint32_t{0xfff}, kLargeFrame = ~uint32_t{0x3fffff};
  const fw::GuestContext& context = engine_->mailbox().context;
  constexpr uint32_t kPagingOn = 1u << 31;
  uint64_t physical = linear;
  if ((context.cr0 & kPagingOn) != 0) {
    const auto entry = [&](uint32_t table, uint32_t index) {
      uint32_t value = 0;
      const uint64_t at = uint64_t{table} + 4 * index;
      if (at + sizeof value <= ram.size()) std::memcpy(&value, ram.data() + at, sizeof value);
      return value;
    };
    const uint32_t directory = entry(context.cr3 & kFrame, linear >> 22);
    if ((directory & kPresent) == 0) return false;
    if ((directory & kLarge) != 0) {
      physical = (directory & kLargeFrame) | (linear & ~kLargeFrame);
    } else {
      const uint32_t page = entry(directory & kFrame, linear >> 12 & 1023);
      if ((page & kPresent) == 0) return false;
      physical = (page & kFrame) | (linear & ~kFrame);
    }
  }
  if (physical >= ram.size()) return false;
  byte = ram[physical];
  return true;
}

}  // namespace chrysalis::sim
