#include "sim/cosim/record_text.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "hw/record_compare.h"
#include "isa-host/assembler.h"
#include "isa-host/codec.h"

namespace chrysalis::sim {
namespace {

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

}  // namespace

std::string line_of(const hw::Observation& o, const hw::RetireRecord& record) {
  std::string line = fmt::format("{:>10} {:>10} {:#x}", o.ready, o.issued, o.address);
  if (o.event != isa::Cause::None) {
    return line + fmt::format(" {} eaddr={:#x} einfo={:#x}", isa::name(o.event), record.event_address, record.event_info);
  }
  for (unsigned i = 0; i < record.write_count; ++i) {
    const hw::RegisterWrite& write = record.writes[i];
    line += write.reg < isa::kFpFile ? fmt::format(" {}={:#x}", hw::register_name(write.reg), write.value.low)
                                     : fmt::format(" {}={:#018x}{:016x}", hw::register_name(write.reg), write.value.high, write.value.low);
  }
  for (unsigned i = 0; i < record.access_count; ++i) {
    const hw::MemoryAccess& access = record.accesses[i];
    line += fmt::format(" [{} {:#x}+{}]", kind_name(access.kind), access.address, access.size);
  }
  if (record.committed) {
    const hw::CommitRecord& commit = record.commit;
    line += fmt::format(" commit eip={:#x} instructions={} stores={} digest={:016x}", commit.guest_pc, commit.total_instructions,
                        commit.store_count, commit.digest);
  }
  return line;
}

std::string host_code(const isa::PhysicalMemory& memory, uint64_t address) {
  const uint64_t end = memory.concealed_base() + memory.concealed_size();
  uint32_t words[isa::kMaxWords] = {};
  const unsigned available = address < memory.concealed_base() || address >= end ? 0 : static_cast<unsigned>(std::min<uint64_t>((end - address) / 4, isa::kMaxWords));
  if (available == 0) return "(no code can be here)";
  std::memcpy(words, memory.ram(address, 4 * available), 4 * available);
  isa::Molecule molecule;
  if (!isa::decode(words, available, address, molecule).ok()) return "(no molecule)";
  return isa::disassemble(molecule);
}

}  // namespace chrysalis::sim
