// What the scheduler makes of the superblocks of real programs, and the scheduling problems behind it for an exact
// solver (bound.py). docs/scheduling.md says how to use the two.
//
//   schedule_study [--machine NAME]... [--own-source] [--unroll N] [--max N] [--without PASS]... [--problems FILE] [--repeat N] PROGRAM...
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "isa-host/assembler.h"
#include "isa-host/machine.h"
#include "tests/translator/superblocks.h"
#include "translator/codegen.h"
#include "translator/compile.h"
#include "translator/region_text.h"

namespace chrysalis::test {
namespace {

struct Settings {
  std::vector<std::string> machines{"crusoe", "efficeon", "denver"}, programs, without;
  SuperblockOptions superblocks;
  bool own_source = false;
  std::string problems, show;
  bool reschedule = true;
  unsigned repeat = 1;
};

/// One scheduling problem in text: the machine, then operations and edges.
class ProblemWriter {
 public:
  explicit ProblemWriter(const std::string& path) {
    if (!path.empty()) out_.open(path);
    if (!path.empty() && !out_) throw std::runtime_error(path + ": cannot be written");
  }

  void write(const std::string& name, const isa::MachineModel& machine, const translator::MachineCode& code,
             const translator::PointReads& reads, const translator::DependenceGraph& graph, uint32_t first, uint32_t final) {
    if (!out_.is_open()) return;
    const isa::MachineDescription& core = machine.core;
    out_ << "problem " << name << " " << machine.name << " width " << unsigned{core.width} << " literals " << unsigned{core.literal_slots}
         << " first " << first << " final " << final << "\n";
    for (const translator::MachOp& op : code.ops) {
      const isa::AtomInfo& row = isa::info(op.op);
      unsigned slots = 0;
      for (unsigned slot = 0; slot < core.width; ++slot) slots |= isa::offers(core.slot_units[slot], row.unit) ? 1u << slot : 0;
      const bool last = row.has(isa::kCommit | isa::kRollback | isa::kSerializing);
      const bool divides = row.latency == isa::Latency::Div;
      out_ << "op " << slots << " " << (op.mode == isa::Mode::Long) << " " << row.has(isa::kBranch) << " " << last << " "
           << (divides ? unsigned{core.latency[static_cast<unsigned>(row.latency)]} : 0u) << " " << row.mnemonic << "\n";
    }
    for (uint32_t node = code.ops.size(); node < graph.nodes(); ++node) out_ << "joint\n";
    for (uint32_t from = 0; from < graph.nodes(); ++from) {
      graph.for_each_successor(from, [&](uint32_t to, uint32_t latency) { out_ << "edge " << from << " " << to << " " << latency << "\n"; });
    }
    for (const translator::Homecoming& home : code.homecomings) write_home(home, core, code, reads);
  }

 private:
  /// Who needs the entry value of the register that `home` is for: it waits for them, or there is a move more.
  void write_home(const translator::Homecoming& home, const isa::MachineDescription& core, const translator::MachineCode& code,
                  const translator::PointReads& reads) {
    unsigned slots = 0;
    for (unsigned slot = 0; slot < core.width; ++slot) slots |= isa::offers(core.slot_units[slot], isa::info(isa::Op::Mov).unit) ? 1u << slot : 0;
    out_ << "home " << home.op << " " << slots;
    const translator::Reg entry = translator::virtual_register(home.entry);
    for (size_t at = 0; at < code.ops.size(); ++at) {
      if (at == home.op) continue;
      const translator::OpRegs regs = registers_of(code.ops[at]);
      if (std::count(regs.reads, regs.reads + regs.read_count, entry) != 0) out_ << " " << at << ":0";
      if (code.ops[at].point < 0 || code.ops[at].point == code.last_point) continue;
      const std::span<const translator::Reg> map = reads.at(code.ops[at].point);
      if (std::count(map.begin(), map.end(), entry) != 0) out_ << " " << at << ":1";
    }
    out_ << "\n";
  }

  std::ofstream out_;
};

/// The main path's molecules; targets as they stand before layout.
void show(const translator::Region& region, const translator::CompiledRegion& compiled) {
  std::printf("%s", translator::region_text(region).c_str());
  for (uint32_t m = 0; m < compiled.main_molecules; ++m) {
    isa::Molecule molecule;
    molecule.count = compiled.molecules[m].count;
    for (unsigned i = 0; i < molecule.count; ++i) molecule.atoms[i] = compiled.atoms[compiled.molecules[m].first + i];
    std::printf("%3u  %s\n", m, isa::disassemble(molecule).c_str());
  }
}

translator::PassMask pass_bit(const std::string& name) {
  for (unsigned i = 0; i < static_cast<unsigned>(translator::Pass::kCount); ++i) {
    if (name == translator::kPassInfo[i].name) return translator::bit(static_cast<translator::Pass>(i));
  }
  throw std::runtime_error("--without: no pass is named " + name + " (chrysalis opt --list)");
}

void study(const Settings& settings, const std::vector<Superblock>& blocks, const isa::MachineModel& machine, ProblemWriter& problems) {
  translator::CompileOptions options;
  options.reschedule = settings.reschedule;
  translator::Compiler compiler(machine.core);
  for (const std::string& name : settings.without) options.passes &= ~pass_bit(name);
  uint64_t instructions = 0, operations = 0, atoms = 0, cycles = 0, first_cycles = 0, moves = 0, passing = 0, spilled = 0;
  for (const Superblock& block : blocks) {
    translator::CompileStats stats;
    for (unsigned i = 0; i < settings.repeat; ++i) {
      translator::Region region = block.region;
      translator::CompiledRegion compiled;
      stats = compiler.compile(region, options, compiled);
      if (block.name == settings.show) show(region, compiled);
    }
    translator::Region region = block.region;
    optimize(region, machine.core, options);
    translator::MachineCode code;
    generate(region, machine.core, code);
    translator::Scheduler scheduler(machine.core);
    translator::Schedule plan;
    std::vector<translator::MachOp> ops = code.ops;
    translator::PointReads reads;
    virtual_reads(region, code, reads);
    translator::ScheduleOptions plan_options = preschedule_options(region, code, machine.core, options);
    scheduler.run(ops, code.virtuals, reads, plan_options, plan);
    const uint32_t first = plan.cycles;
    // That an operation waits for its home register is the scheduler's choice, and no part of the problem.
    plan_options.homecomings = {};
    ops = code.ops;
    scheduler.run(ops, code.virtuals, reads, plan_options, plan);
    problems.write(block.name, machine, code, reads, scheduler.graph(), first, stats.cycles);
    instructions += block.instructions;
    operations += stats.operations;
    atoms += code.ops.size();
    first_cycles += first;
    cycles += stats.cycles;
    moves += stats.moves;
    passing += stats.passing_loads;
    spilled += stats.spilled;
  }
  std::printf("%-9s %5zu superblocks, x86 %6llu, operations %6llu, atoms %6llu, moves %5llu, spilled %llu, passing %llu, first %llu, final %llu cycles, x86/cycle %.3f\n",
              machine.name.c_str(), blocks.size(), static_cast<unsigned long long>(instructions), static_cast<unsigned long long>(operations),
              static_cast<unsigned long long>(atoms), static_cast<unsigned long long>(moves), static_cast<unsigned long long>(spilled),
              static_cast<unsigned long long>(passing), static_cast<unsigned long long>(first_cycles), static_cast<unsigned long long>(cycles),
              static_cast<double>(instructions) / static_cast<double>(cycles));
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app{"What the scheduler makes of the superblocks of i386 programs"};
  app.add_option("--machine", settings.machines, "machines: names or files")->capture_default_str();
  app.add_flag("--own-source", settings.own_source, "only functions of PROGRAM's own source, NAME.c of NAME-LEVEL");
  app.add_option("--unroll", settings.superblocks.unroll, "copies of a loop's body")->capture_default_str();
  app.add_option("--max", settings.superblocks.max_instructions, "x86 instructions of a superblock")->capture_default_str();
  app.add_option("--without", settings.without, "pass that does not run")->allow_extra_args(false);
  app.add_flag("!--once", settings.reschedule, "no second scheduling");
  app.add_option("--problems", settings.problems, "file for the scheduling problems");
  app.add_option("--repeat", settings.repeat, "compilations of each superblock, for profiling")->capture_default_str();
  app.add_option("--show", settings.show, "name of a superblock whose IR and molecules are printed");
  app.add_option("programs", settings.programs, "i386 ELF files with symbols")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    std::vector<Superblock> blocks;
    for (const std::string& program : settings.programs) {
      const std::string name = std::filesystem::path(program).filename().string();
      if (settings.own_source) settings.superblocks.source = name.substr(0, name.find('-')) + ".c";
      for (Superblock& block : superblocks(program, settings.superblocks)) blocks.push_back(std::move(block));
    }
    ProblemWriter problems(settings.problems);
    for (const std::string& machine : settings.machines) study(settings, blocks, isa::load_machine(machine), problems);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "schedule_study: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace chrysalis::test

int main(int argc, char** argv) { return chrysalis::test::run(argc, argv); }
