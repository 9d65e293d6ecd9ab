// The back end from end to end: a region becomes molecules.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "isa-host/machine_description.h"
#include "translator/machine_code.h"
#include "translator/passes/passes.h"
#include "translator/regalloc.h"
#include "translator/region.h"
#include "translator/schedule.h"
#include "translator/stage.h"

namespace chrysalis::translator {

/// A region's molecules, before they have an address.
struct CompiledRegion {
  struct Molecule {
    uint32_t first;  ///< index into atoms
    uint8_t count;
    uint32_t cycle;  ///< when it is to issue if nothing misses, counted from the start of the region or stub
  };
  struct Fixup {
    uint32_t molecule;
    uint32_t atom;  ///< index into atoms
    Target kind;
    int64_t target;
    bool patched = false;  ///< its form has to stay as it is
  };
  std::vector<isa::Atom> atoms;
  std::vector<uint16_t> guest;      ///< by atom: guest instruction that it belongs to
  std::vector<Molecule> molecules;  ///< the region itself, path by path if it is a tree, then its exit stubs
  /// A way out that can be led to another translation: the branch (or, of a call, the push of the return address) first goes to
  /// a link stub, which leaves to the monitor with the exit's number. Numbers count from CompileOptions::first_exit.
  struct Exit {
    uint32_t atom;     ///< index into atoms; its displacement is what to patch: in the word, or for a push in its literal
    uint32_t molecule;
    uint32_t link;     ///< molecule of the link stub
    uint32_t target;   ///< guest address
    bool returns;      ///< of a push: control arrives here when the callee returns
  };
  std::vector<Fixup> fixups;        ///< in the order of the atoms
  std::vector<Exit> exits;
  std::vector<uint32_t> paths;      ///< by path of the tree: where its molecules begin; none, if control never comes there
  uint32_t main_molecules = 0;      ///< how many of them are the region itself

  /// Behind the last molecule of a path.
  uint32_t path_end(size_t path) const { return path + 1 < paths.size() ? paths[path + 1] : main_molecules; }

  /// Which word of its molecule is to be patched to lead `exit` elsewhere: that of the branch, or the literal of the push. (The words of
  /// a molecule are its atoms, then the literals of those that have one.)
  uint32_t patched_word(const Exit& exit) const {
    const Molecule& molecule = molecules[exit.molecule];
    if (!exit.returns) return exit.atom - molecule.first;
    uint32_t word = molecule.count;
    for (uint32_t a = molecule.first; a < exit.atom; ++a) word += atoms[a].mode == isa::Mode::Long;
    return word;
  }

  void clear() {
    atoms.clear();
    guest.clear();
    molecules.clear();
    fixups.clear();
    exits.clear();
    paths.clear();
    main_molecules = 0;
  }
};

struct CompileStats {
  uint32_t operations = 0;   ///< IR operations before the passes
  uint32_t atoms = 0, molecules = 0;
  uint32_t cycles = 0;       ///< issue cycles of the main path (of a tree, the first) if nothing misses
  uint32_t spilled = 0, moves = 0, stub_moves = 0;
  uint32_t passing_loads = 0;  ///< that were moved above stores that may overlap, under the protection of the alias hardware
};

/// Which passes run; settings, tools and tests switch them.
struct CompileOptions {
  uint32_t first_exit = 0;  ///< number of the region's first exit
  PassMask passes = kUsualPasses;
  bool reschedule = true;       ///< schedules again once registers are assigned, for better schedules at a higher cost
  StageClock* clock = nullptr;  ///< is told what compile() is at
  bool pass_stores = true;  ///< loads may pass stores that may overlap, where faults roll back and the machine has alias entries
#if defined(CHRYSALIS_VERIFY_PASSES)
  bool verify = true;   ///< the verifier runs before and after every pass; a violation is a bug
#else
  bool verify = false;
#endif
  /// Told of each pass that has run, if not null.
  void (*after_pass)(void* observer, Pass pass, const PassStats& stats, const Region& region) = nullptr;
  void* observer = nullptr;

  bool runs(Pass pass) const { return (passes & bit(pass)) != 0; }
};

/// Register in which a link stub gives the number of its exit.
inline constexpr Reg kExitNumber = 30;

/// Compiles one region after the other for a machine, and keeps its memory between them.
class Compiler {
 public:
  explicit Compiler(const isa::MachineDescription& machine) : machine_(machine), scheduler_(machine) {}

  /// In:     a region that satisfies verify_region(); the passes change it.
  /// Out:    molecules that the machine accepts.
  /// Errors: none; see generate(), RegisterAllocator.
  CompileStats compile(Region& region, const CompileOptions& options, CompiledRegion& out) { return compile({&region, 1}, options, out); }
  /// The same for the paths of a tree: see tree.h.
  CompileStats compile(std::span<Region> tree, const CompileOptions& options, CompiledRegion& out);

 private:
  void compile_path(Region& path, const CompileOptions& options, CompiledRegion& out, CompileStats& stats);

  const isa::MachineDescription& machine_;
  Scheduler scheduler_;
  RegisterAllocator allocator_;
  MachineCode code_;
  std::vector<MachOp> ordered_;
  Schedule plan_;
  ExitStubs stubs_;
  PointReads reads_;
  std::vector<MachOp> stub_code_;     // of all paths
  std::vector<uint32_t> stub_ends_;   // in stub_code_
  std::vector<uint32_t> stub_places_;
};

/// The same for a single region.
CompileStats compile(Region& region, const isa::MachineDescription& machine, const CompileOptions& options,
                     CompiledRegion& out);
CompileStats compile(std::span<Region> tree, const isa::MachineDescription& machine, const CompileOptions& options, CompiledRegion& out);

// Parts of compile(), for those who study them.

/// Runs the passes of the pipeline that the options name.
void optimize(Region& region, const isa::MachineDescription& machine, const CompileOptions& options);
/// What the points read, over virtual registers: constants are delivered by the exits themselves.
void virtual_reads(const Region& region, const MachineCode& code, PointReads& reads);
/// How the first scheduling, over virtual registers, is done.
ScheduleOptions preschedule_options(const Region& region, const MachineCode& code, const isa::MachineDescription& machine,
                                    const CompileOptions& options);

/// Schedules and appends straight-line code over physical registers that ends in a final exit: stubs written
/// by hand. It becomes part of the main path.
void compile_stub(std::vector<MachOp> ops, const isa::MachineDescription& machine, CompiledRegion& out);

}  // namespace chrysalis::translator
