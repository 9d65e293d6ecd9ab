// The checker's inside: one object per compiled region. Parts: walk.cpp follows values, machine.cpp looks at molecules alone,
// order.cpp at the places of all accesses.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>

#include "translator/check/check.h"
#include "translator/check/meaning.h"

namespace chrysalis::translator::checking {

class Checker {
 public:
  /// Of path `path`. `choice`: which of several equal accesses of one guest instruction an atom is taken to make: the first or the last.
  Checker(std::span<const Region> tree, size_t path, const isa::MachineDescription& machine, const CompiledRegion& compiled, const CheckOptions& options,
          unsigned choice);

  std::vector<Finding> run();
  /// Whether there was a choice.
  bool ambiguous() const { return ambiguous_; }

 private:
  static constexpr uint32_t kNever = 0xffffffff;
  static constexpr unsigned kRegisters = 64;  // integer ones

  /// An access to memory that the region makes.
  struct Access {
    enum class Kind : uint8_t { Load, Store, Probe };
    Kind kind;
    bool guest;
    uint8_t size;           ///< bytes
    uint8_t order;          ///< Region::in_order
    uint8_t bits;           ///< of a load: that can be set
    bool wanted = true;     ///< false of probes, and of loads whose atom delivers no value: they are there for their faults
    uint8_t entry = 0xff;   ///< of a load under protection
    uint8_t mask = 0;       ///< of a store under mask
    uint32_t inst;          ///< index into the region's code
    uint32_t same;          ///< of a load: the first one that certainly delivers this value, by that index
    Terms::Sum address;
    Term data;              ///< of a store
    uint32_t molecule = kNever, atom = kNever;
    bool is_store() const { return kind == Kind::Store; }
    bool may_fault() const { return guest; }
  };
  /// An operation that everything visible is ordered by: an exit, a commit, a serializing operation.
  struct Event {
    uint32_t inst;
    int32_t point;          ///< index of its map; -1: none
    uint32_t molecule = kNever;
  };
  /// What is where while molecules are followed.
  struct State {
    std::array<Term, kRegisters> reg{};
    std::map<int64_t, Term> slots;      ///< spilled values, by displacement
    std::array<Term, isa::kShadowedInt> shadow{};
    uint32_t gpc = Region::kNoAddress;  ///< what GPC holds, as far as it is known
    uint64_t completed = 0;             ///< guest instructions that the commits so far have counted, of those with a guest PC
    int32_t committed = -1;             ///< point whose state was committed since the last operation of the region with an effect
  };
  /// An operation that lets the next commit count less.
  struct Uncount {
    uint32_t inst;
    uint32_t molecule, atom;  ///< kNever until it has been found
  };
  /// One atom on the way through a molecule.
  struct At {
    uint32_t molecule;
    uint32_t index;         ///< within the molecule
    const isa::Atom* atom;
    uint32_t global;        ///< index into the compiled region's atoms
  };

  // The region.
  void read_region();
  /// What `reg` holds at the entry.
  Term at_entry(unsigned reg) { return terms_.leaf(Source::Entry, reg, entry_width_[reg]); }
  void add_access(uint32_t inst);
  uint32_t first_alike(const Access& load) const;
  const ir::Inst& inst(uint32_t index) const { return region_.code.insts[index]; }
  Term value(ir::ValueId id) const { return id == ir::kNoValue ? 0 : values_[id]; }
  Terms::Test condition_of(const ir::Inst& inst);
  unsigned stores_before(size_t path) const;

  // Following molecules.
  void walk_main();
  void step(uint32_t molecule, State& state, bool main);
  void write(const At& at, State& next, unsigned reg, Term term);
  void access(const At& at, const State& before, State& next, bool main);
  bool slot_access(const At& at, const State& before, State& next, Term address);
  Access* match(const At& at, Access::Kind kind, bool guest, unsigned size, Terms::Sum address, Term data);
  void act_last(const At& at, const State& before, State& next, bool main);
  void serialize(const At& at, const State& before, State& next, const ir::Inst& expected);
  void branch(const At& at, const State& before, const State& next, bool main);
  std::optional<Terms::Test> taken_if(const isa::Atom& atom, const State& before);
  void choose_trap(const Terms::Test& test);
  void side_exit(const At& at, const State& before, const State& next);
  void final_exit(const At& at, const State& before, const State& next);
  void indirect_exit(const At& at, const State& before, const State& next, const ir::Inst& exit);
  void push_return(const At& at, const State& before);
  void follow_stub(const At& from, State state, const Event& event);
  void commit(const At& at, const State& before, State& next, const Event& event);
  void uncount(const At& at, const State& before, bool main);
  void check_map(const At& at, const State& state, int32_t point, bool shadowed_only);
  bool needs_commit(const Event& event) const;
  uint16_t next_path(const Event& event) const { return event.point < 0 ? uint16_t{0} : region_.maps[static_cast<size_t>(event.point)].path; }
  void enter_path(const At& at, const State& state, const Event& event);
  void leave(const At& at, const State& before, const State& state, const Event& event);
  bool leads_to(const At& at, Target kind, int64_t target);
  void check_link(const At& at, uint32_t exit, uint32_t target, bool returns);
  const CompiledRegion::Fixup* fixup(uint32_t atom) const;
  const CompiledRegion::Exit* linked(uint32_t atom) const;
  Term undefined() { return terms_.leaf(Source::Nothing, undefined_++); }

  // Molecules alone.
  void check_molecules();
  void check_cycles(uint32_t first, uint32_t count);
  /// Atoms of molecule `m`.
  std::span<const isa::Atom> atoms(uint32_t m) const;

  // Places.
  void check_order();
  void check_pair(const Access& earlier, const Access& later);
  void check_event(const Access& access, const Event& event);
  void check_passing(const Access& store, const Access& load);
  void check_keep(uint32_t keep);
  void check_masks();
  void check_buffer();
  void check_precise();
  void check_uncounts();
  bool overlap(const Access& a, const Access& b) const;
  bool is_safe(const Access& load, const Event& exit) const;
  /// The load that entry `entry` watches when the stores of molecule `m` are checked.
  const Access* holder(unsigned entry, uint32_t m) const;
  const Access* access_of(uint32_t inst) const;
  std::string describe(const Access& access) const;
  std::string describe(uint32_t inst) const;

  void report(Rule rule, const At& at, std::string text) { findings_.push_back({rule, at.molecule, at.index, std::move(text)}); }
  void report(Rule rule, const Access& access, std::string text) {
    findings_.push_back({rule, access.molecule, access.atom, std::move(text)});
  }

  const std::span<const Region> tree_;
  const size_t path_;
  const Region& region_;
  const isa::MachineDescription& machine_;
  const CompiledRegion& compiled_;
  const CheckOptions options_;
  const unsigned choice_;
  bool ambiguous_ = false;

  Terms terms_;
  std::array<uint8_t, kRegisters> entry_width_{};  // bits that can be set
  std::vector<Term> values_;        // by ValueId
  std::vector<Access> accesses_;    // in the order of the region
  std::vector<Event> events_;       // in the order of the region
  size_t next_event_ = 0;
  std::vector<Uncount> uncounts_;   // in the order of the region
  std::vector<int32_t> points_;     // by operation: its map
  Term stack_ = 0, spill_base_ = 0;
  bool has_stack_ = false, binds_spill_base_ = false;
  uint64_t writable_ = 0;
  uint64_t undefined_ = 0;
  bool left_ = false;               // a final exit has been found
  bool walks_ = true;
  std::vector<Finding> findings_;
};

}  // namespace chrysalis::translator::checking
