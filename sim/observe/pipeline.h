// Atoms in the pipeline, cycle by cycle, as a Kanata 0004 log: what Konata (github.com/shioyadan/Konata) draws.
#pragma once

#include <string>
#include <vector>

#include "sim/observe/observer.h"
#include "sim/observe/window.h"

namespace chrysalis::sim {

/// One record per atom whose molecule comes up within the window; thread: hw::Mode.
///
/// Stages, lane 0:  F: the molecule has come up, is fetched and waits. X: it issues and the atom executes, for the latency that the
///                  machine file gives (misses show in who waits). G: done, in translated code, until a commit or rollback.
/// Lane 1:          what the molecule waits for, named as the account's charges (rule A2 of docs/timing.md).
/// End:             retired by the commit (translated code) or when done (all else); flushed by a rollback.
/// Arrows:          from the atom that wrote a register to the one that reads it.
class Pipeline final : public RunObserver {
 public:
  /// Throws UserError if the file cannot be written.
  Pipeline(const std::string& path, const Window& window);

  void begin(Engine& engine, const isa::MachineModel& machine) override;
  void molecule(const hw::Observation& observation) override;
  void end(uint64_t cycle) override;

 private:
  struct Line {
    uint64_t cycle;
    std::string text;
  };
  struct Gated {
    uint64_t id, done;
  };

  void put(uint64_t cycle, std::string text) { lines_.push_back({cycle, std::move(text)}); }
  void retire(uint64_t id, uint64_t cycle, bool flushed);
  void resolve(uint64_t cycle, bool flushed);

  std::string path_;
  Window window_;
  Engine* engine_ = nullptr;
  const isa::MachineModel* machine_ = nullptr;
  std::vector<Line> lines_;
  std::vector<Gated> gated_;       ///< atoms of translated code since the last commit
  static constexpr uint64_t kNobody = UINT64_MAX;
  std::vector<uint64_t> writer_;   ///< by register: the atom of the window that wrote it last
  uint64_t instructions_ = 0, molecules_ = 0, next_id_ = 0, retired_ = 0;
};

}  // namespace chrysalis::sim
