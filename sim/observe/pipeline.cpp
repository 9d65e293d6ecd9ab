#include "sim/observe/pipeline.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "isa-host/assembler.h"
#include "isa-host/codec.h"
#include "sim/engine.h"
#include "sim/error.h"
#include "sim/observe/concealed_view.h"

namespace chrysalis::sim {
namespace {

bool translated(hw::Mode mode) { return mode >= hw::Mode::Translated1 && mode <= hw::Mode::Translated3; }

/// What keeps a molecule from issuing; the other charges come after.
constexpr hw::Charge kWaits[] = {hw::Charge::FetchL2,    hw::Charge::FetchMemory, hw::Charge::Operand,     hw::Charge::Unit,
                                 hw::Charge::DataL2,     hw::Charge::DataMemory,  hw::Charge::StoreBuffer, hw::Charge::Device};

}  // namespace

Pipeline::Pipeline(const std::string& path, const Window& window) : path_(path), window_(window), writer_(isa::kIntRegs + isa::kFpRegs, kNobody) {
  if (!std::ofstream(path, std::ios::binary)) throw UserError(fmt::format("--pipeline {}: cannot be written: {}", path, std::strerror(errno)));
}

void Pipeline::begin(Engine& engine, const isa::MachineModel& machine) {
  engine_ = &engine;
  machine_ = &machine;
}

void Pipeline::retire(uint64_t id, uint64_t cycle, bool flushed) { put(cycle, fmt::format("R\t{}\t{}\t{}", id, flushed ? 0 : retired_++, flushed ? 1 : 0)); }

/// A commit or rollback decides on all atoms since the last.
void Pipeline::resolve(uint64_t cycle, bool flushed) {
  for (const Gated& atom : gated_) retire(atom.id, std::max(atom.done, cycle), flushed);
  gated_.clear();
}

void Pipeline::molecule(const hw::Observation& o) {
  const bool inside = window_.contains(o.up, instructions_);
  instructions_ += o.instructions;
  ++molecules_;
  const bool nothing_happened = o.event != isa::Cause::None;
  if (o.rolls_back && nothing_happened) resolve(o.issued, true);
  if (inside) {
    const ConcealedView memory(engine_->concealed());
    const uint64_t left = fw::kConcealedBase + fw::kConcealedSize - o.address;
    const auto words = memory.array<uint32_t>(o.address, std::min<uint64_t>(isa::kMaxWords, left / 4));
    isa::Molecule molecule;
    // One that is no molecule raises an event and has no atoms.
    if (isa::decode(words.data(), static_cast<unsigned>(words.size()), o.address, molecule).ok()) {
      for (unsigned i = 0; i < molecule.count; ++i) {
        const isa::Atom& atom = molecule.atoms[i];
        const uint64_t id = next_id_++;
        put(o.up, fmt::format("I\t{}\t{}\t{}", id, id, static_cast<unsigned>(o.mode)));
        put(o.up, fmt::format("L\t{}\t0\t{} {:x}: {}", id, molecules_, o.address, isa::disassemble(atom, o.address)));
        put(o.up, fmt::format("L\t{}\t1\t{}, molecule {}, atom {}", id, hw::kModeName[static_cast<unsigned>(o.mode)], molecules_, i));
        put(o.up, fmt::format("S\t{}\t0\tF", id));
        uint64_t at = o.up;
        for (const hw::Charge charge : kWaits) {
          const uint64_t cycles = std::min(o.charged[static_cast<unsigned>(charge)], o.issued - at);
          if (cycles == 0) continue;
          const char* const name = hw::kChargeName[static_cast<unsigned>(charge)];
          put(at, fmt::format("S\t{}\t1\t{}", id, name));
          at += cycles;
          put(at, fmt::format("E\t{}\t1\t{}", id, name));
        }
        if (nothing_happened) {
          put(o.issued, fmt::format("L\t{}\t1\t; {}", id, isa::name(o.event)));
          retire(id, o.issued + 1, true);
          continue;
        }
        put(o.issued, fmt::format("S\t{}\t0\tX", id));
        const isa::RegUse use = isa::reg_use(atom);
        for (unsigned r = 0; r < use.read_count; ++r)
          if (writer_[use.reads[r]] != kNobody) put(o.issued, fmt::format("W\t{}\t{}\t0", id, writer_[use.reads[r]]));
        const uint64_t done = o.issued + machine_->core.latency[static_cast<unsigned>(isa::info(atom.op).latency)];
        if (translated(o.mode)) {
          put(done, fmt::format("S\t{}\t0\tG", id));
          gated_.push_back({id, done});
        } else {
          retire(id, done, false);
        }
      }
      // All atoms of a molecule read before any writes.
      const uint64_t first = next_id_ - molecule.count;
      for (unsigned i = 0; i < molecule.count && !nothing_happened; ++i) {
        const isa::RegUse use = isa::reg_use(molecule.atoms[i]);
        for (unsigned w = 0; w < use.write_count; ++w) writer_[use.writes[w]] = first + i;
      }
    }
  }
  if (nothing_happened) return;
  if (o.rolls_back) resolve(o.issued + 1, true);
  else if (o.commits) resolve(o.issued + 1, false);
}

void Pipeline::end(uint64_t cycle) {
  resolve(cycle, true);
  std::stable_sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) { return a.cycle < b.cycle; });
  std::ofstream out(path_, std::ios::binary);
  out << "Kanata\t0004\n";
  uint64_t now = lines_.empty() ? 0 : lines_.front().cycle;
  out << fmt::format("C=\t{}\n", now);
  for (const Line& line : lines_) {
    if (line.cycle != now) out << fmt::format("C\t{}\n", line.cycle - now);
    now = line.cycle;
    out << line.text << '\n';
  }
  out.close();
  if (!out) throw UserError(fmt::format("--pipeline {}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace chrysalis::sim
