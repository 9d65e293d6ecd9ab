#include "translator/compile.h"

#include <algorithm>

#include "isa-host/encoding.h"
#include "translator/assert.h"
#include "translator/codegen.h"
#include "translator/regalloc.h"
#include "translator/schedule.h"
#include "translator/tree.h"
#include "translator/verify_region.h"

namespace chrysalis::translator {
namespace {

void verify(const Region& region) {
  for (const ir::Violation& violation : verify_region(region)) assertion_failed(violation.rule, "translator", 0, violation.inst);
}

unsigned population(uint64_t bits) {
  unsigned count = 0;
  for (; bits != 0; bits &= bits - 1) ++count;
  return count;
}


isa::Atom atom_of(const MachOp& op) {
  const isa::AtomInfo& row = isa::info(op.op);
  const auto field = [](Reg reg) { return static_cast<uint8_t>(reg == kNoReg ? 0 : reg & 63); };
  isa::Atom atom;
  atom.op = op.op;
  atom.rd = field(op.d);
  if (op.d == kNoReg && row.uses(isa::kWritesRd)) atom.rd = isa::kZero;
  atom.ra = field(op.a);
  atom.rb = field(op.b);
  atom.rc = field(op.c);
  if (op.f != kNoReg && row.has(isa::kWritesFd | isa::kReadsFd)) atom.fd = static_cast<uint8_t>(isa::flags_field(op.f));
  atom.mode = op.mode;
  atom.cond = op.cond;
  atom.scale = op.scale;
  atom.alias = op.alias;
  atom.count = op.count;
  atom.imm = op.imm;
  return atom;
}

void append(std::span<const MachOp> ops, const Schedule& plan, CompiledRegion& out) {
  for (size_t m = 0; m < plan.molecules.size(); ++m) {
    const size_t begin = plan.molecules[m];
    const size_t end = m + 1 < plan.molecules.size() ? plan.molecules[m + 1] : plan.order.size();
    out.molecules.push_back({static_cast<uint32_t>(out.atoms.size()), static_cast<uint8_t>(end - begin), plan.cycle[plan.order[begin]]});
    for (size_t i = begin; i < end; ++i) {
      const MachOp& op = ops[plan.order[i]];
      if (op.target_kind != Target::None) {
        const bool to_stub = op.stub >= 0;
        out.fixups.push_back({static_cast<uint32_t>(out.molecules.size() - 1), static_cast<uint32_t>(out.atoms.size()),
                              to_stub ? Target::Local : op.target_kind, to_stub ? op.stub : op.target});
      }
      out.atoms.push_back(atom_of(op));
      out.guest.push_back(op.guest);
    }
  }
}

/// Appends a side exit's stub: its moves, then the branch that the exit itself would have taken, after the commit of exits to guest
/// addresses.
void complete_stub(const Region& region, const MachOp& exit, std::span<const MachOp> moves, std::vector<MachOp>& out) {
  out.insert(out.end(), moves.begin(), moves.end());
  if (exit.target_kind == Target::GuestExit || exit.target_kind == Target::GuestIndirect) {
    MachOp commit;
    commit.op = exit.target_kind == Target::GuestExit ? isa::Op::Commit : isa::Op::CommitPc;
    commit.count = static_cast<uint16_t>(region.newly_completed(static_cast<size_t>(exit.point)));
    if (exit.target_kind == Target::GuestIndirect) commit.a = isa::kGuestEip;
    if (exit.target_kind == Target::GuestExit && (exit.target != region.eip || !region.keeps_pc())) {
      commit.mode = isa::Mode::Long;
      commit.imm = exit.target;
    }
    commit.hoist_limit = kNeverHoist;
    commit.id = exit.id;
    commit.guest = exit.guest;
    out.push_back(commit);
  }
  MachOp branch;
  branch.op = isa::Op::Br;
  branch.mode = isa::Mode::Short;
  branch.target_kind = exit.target_kind;
  branch.target = exit.target;
  branch.hoist_limit = kNeverHoist;
  branch.id = exit.id;
  branch.guest = exit.guest;
  out.push_back(branch);
}

/// Appends the link stubs of exits to guest addresses, and leads the exits there.
void add_link_stubs(Scheduler& scheduler, uint32_t first_exit, std::vector<MachOp>& ops, Schedule& plan, CompiledRegion& out) {
  const size_t count = out.fixups.size();
  for (size_t i = 0; i < count; ++i) {
    CompiledRegion::Fixup& fixup = out.fixups[i];
    if (fixup.kind != Target::GuestExit && fixup.kind != Target::GuestReturn) continue;
    const auto address = static_cast<uint32_t>(fixup.target);
    const auto link = static_cast<uint32_t>(out.molecules.size());
    const auto number = first_exit + static_cast<uint32_t>(out.exits.size());
    out.exits.push_back({fixup.atom, fixup.molecule, link, address, fixup.kind == Target::GuestReturn});
    fixup.kind = Target::Local;
    fixup.target = link;
    fixup.patched = true;
    ops.clear();
    const auto constant = [&ops](Reg to, int32_t value) {
      MachOp op;
      op.op = isa::Op::MovImm;
      op.d = to;
      op.mode = isa::fits_short(op.op, value) ? isa::Mode::Short : isa::Mode::Long;
      op.imm = value;
      ops.push_back(op);
    };
    constant(isa::kGuestEip, static_cast<int32_t>(address));
    constant(kExitNumber, static_cast<int32_t>(number));
    MachOp leave;
    leave.op = isa::Op::Br;
    leave.mode = isa::Mode::Short;
    leave.target_kind = Target::Leave;
    leave.hoist_limit = kNeverHoist;
    ops.push_back(leave);
    scheduler.pack_in_order(ops, nullptr, plan);
    append(ops, plan, out);
  }
}

}  // namespace

void virtual_reads(const Region& region, const MachineCode& code, PointReads& reads) {
  reads.clear();
  for (size_t point = 0; point < region.maps.size(); ++point) {
    const uint32_t first = static_cast<uint32_t>(reads.regs.size());
    if (static_cast<int32_t>(point) == code.last_point) {
      for (const Delivery& delivery : code.last_map) reads.regs.push_back(virtual_register(delivery.index));
      reads.points.push_back({first, static_cast<uint32_t>(code.last_map.size())});
      continue;
    }
    for (const Binding& binding : region.map(point)) {
      if (!code.virtuals[binding.value].is_const) reads.regs.push_back(virtual_register(binding.value));
    }
    reads.points.push_back({first, static_cast<uint32_t>(reads.regs.size()) - first});
  }
}

ScheduleOptions preschedule_options(const Region& region, const MachineCode& code, const isa::MachineDescription& machine,
                                    const CompileOptions& options) {
  ScheduleOptions out;
  out.accesses_in_order = region.accesses_in_order();
  out.stack = region.stack;
  out.clock = options.clock;
  out.homecomings = code.homecomings;
  // What there is, less what the scheduler does not foresee.
  constexpr uint64_t kFlags = 0xfe00;
  const unsigned general = population(region.allocatable & ~kFlags), flags = population(region.allocatable & kFlags);
  out.pressure_limit = general > 8 ? general - 4 : 4;
  out.flags_limit = flags > 3 ? flags - 2 : 1;
  if (region.faults_roll_back && options.pass_stores) {
    out.first_alias_entry = code.kept_entries;
    out.alias_entries = machine.alias_entries;
    out.in_order = region.in_order;
  }
  return out;
}

void optimize(Region& region, const isa::MachineDescription& machine, const CompileOptions& options) {
  const auto verify_if_asked = [&] {
    if (!options.verify) return;
    begin_stage(options.clock, Stage::Verify);
    verify(region);
  };
  verify_if_asked();
  for (const Pass pass : pipeline()) {
    if (!options.runs(pass)) continue;
    begin_stage(options.clock, stage_of(pass));
    const PassStats stats = run_pass(pass, region, machine);
    verify_if_asked();
    if (options.after_pass != nullptr) options.after_pass(options.observer, pass, stats, region);
  }
}

/// The main path of a region or of a path of a tree: appends its molecules, and keeps the code of its exit stubs.
void Compiler::compile_path(Region& path, const CompileOptions& options, CompiledRegion& out, CompileStats& stats) {
  begin_stage(options.clock, Stage::Select);
  generate(path, machine_, code_);

  ScheduleOptions plan_options;
  const bool reordered = options.runs(Pass::Reorder);
  if (reordered) {
    plan_options = preschedule_options(path, code_, machine_, options);
    virtual_reads(path, code_, reads_);
    scheduler_.run(code_.ops, code_.virtuals, reads_, plan_options, plan_);
    stats.passing_loads += plan_.passing_loads;
    ordered_.clear();
    for (const uint16_t at : plan_.sequence) {
      ordered_.push_back(code_.ops[at]);
      ordered_.back().cycle = static_cast<uint16_t>(std::min(plan_.cycle[at], 0xfffeu));
      ordered_.back().latest = static_cast<uint16_t>(std::min(plan_.latest[at], 0xfffeu));
    }
    std::swap(code_.ops, ordered_);
  }

  begin_stage(options.clock, Stage::Registers);
  const AllocationStats allocation = allocator_.run(path, machine_, code_, stubs_, reads_);
  stats.spilled += allocation.spilled;
  stats.moves += allocation.moves;
  stats.stub_moves += allocation.stub_moves;

  plan_options.accesses_in_order = path.accesses_in_order();
  plan_options.stack = path.stack;
  plan_options.clock = options.clock;
  plan_options.homecomings = {};  // registers have decided
  plan_options.pressure_limit = plan_options.alias_entries = 0;  // what passes what is decided
  // Registers suit the first schedule: where there were enough, its molecules can stand.
  if (reordered && !options.reschedule && allocation.spilled == 0) {
    begin_stage(options.clock, Stage::Schedule);
    scheduler_.pack_in_order(code_.ops, &reads_, plan_);
  } else {
    scheduler_.run(code_.ops, {}, reads_, plan_options, plan_);
    scheduler_.compact(plan_);
  }
  if (out.molecules.empty()) stats.cycles = plan_.cycles;

  begin_stage(options.clock, Stage::Stubs);
  // A main path's branch names its stub by number until the stubs have their places.
  const auto exit_of = [this](const ExitStub& stub) -> MachOp& { return code_.ops[stub.op]; };
  for (const ExitStub& stub : stubs_.list) {
    complete_stub(path, exit_of(stub), stubs_.moves(stub), stub_code_);
    exit_of(stub).stub = static_cast<int32_t>(stub_ends_.size());
    stub_ends_.push_back(static_cast<uint32_t>(stub_code_.size()));
  }
  append(code_.ops, plan_, out);
}

CompileStats Compiler::compile(std::span<Region> tree, const CompileOptions& options, CompiledRegion& out) {
  out.clear();
  stub_code_.clear();
  stub_ends_.clear();
  CompileStats stats;
  for (const Region& path : tree) stats.operations += static_cast<uint32_t>(path.code.insts.size());
  optimize_tree(tree, machine_, options);
  for (Region& path : tree) {
    out.paths.push_back(static_cast<uint32_t>(out.molecules.size()));
    if (path.code.insts.empty()) continue;
    compile_path(path, options, out, stats);
    place_entries(tree, path);
  }
  out.main_molecules = static_cast<uint32_t>(out.molecules.size());

  const size_t main_fixups = out.fixups.size();
  stub_places_.clear();
  uint32_t begin = 0;
  for (const uint32_t end : stub_ends_) {
    stub_places_.push_back(static_cast<uint32_t>(out.molecules.size()));
    ordered_.assign(stub_code_.begin() + begin, stub_code_.begin() + end);
    scheduler_.pack_in_order(ordered_, nullptr, plan_);
    append(ordered_, plan_, out);
    begin = end;
  }
  for (size_t i = 0; i < out.fixups.size(); ++i) {
    CompiledRegion::Fixup& fixup = out.fixups[i];
    if (fixup.kind == Target::Local && i < main_fixups) fixup.target = stub_places_[static_cast<size_t>(fixup.target)];
    if (fixup.kind == Target::Path) fixup = {fixup.molecule, fixup.atom, Target::Local, out.paths[static_cast<size_t>(fixup.target)]};
  }
  add_link_stubs(scheduler_, options.first_exit, ordered_, plan_, out);
  stats.atoms = static_cast<uint32_t>(out.atoms.size());
  stats.molecules = static_cast<uint32_t>(out.molecules.size());
  return stats;
}

CompileStats compile(Region& region, const isa::MachineDescription& machine, const CompileOptions& options, CompiledRegion& out) {
  return Compiler(machine).compile(region, options, out);
}

CompileStats compile(std::span<Region> tree, const isa::MachineDescription& machine, const CompileOptions& options, CompiledRegion& out) {
  return Compiler(machine).compile(tree, options, out);
}

void compile_stub(std::vector<MachOp> ops, const isa::MachineDescription& machine, CompiledRegion& out) {
  Schedule plan;
  Scheduler(machine).run(ops, {}, {}, {}, plan);
  append(ops, plan, out);
  out.main_molecules = static_cast<uint32_t>(out.molecules.size());
}

}  // namespace chrysalis::translator
