#include "sim/run.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/error.h"
#include "sim/interrupt.h"
#include "sim/linux/process.h"
#include "sim/observe/concealed_view.h"
#include "sim/progress.h"
#include "x86-frontend/decoded.h"

namespace chrysalis::sim {
namespace {

void add_guest_statistics(Statistics& statistics, const Engine& engine, const Process& process, uint64_t idle) {
  const uint64_t instructions = engine.instructions(), cycles = engine.cycles();
  statistics.add("guest.instructions", "Count", "x86 instructions completed", instructions);
  statistics.add("guest.ipc", "Ratio", "x86 instructions per host cycle",
                 cycles ? static_cast<double>(instructions) / static_cast<double>(cycles) : 0.0);
  statistics.add("guest.system_calls", "Count", "system calls made by the guest", process.syscall_count());
  statistics.add("guest.unsupported_system_calls", "Count", "different system calls refused with ENOSYS as unsupported",
                 static_cast<uint64_t>(process.unsupported_syscalls().size()));
  statistics.add("guest.slept_cycles", "Cycle", "guest time that passed while every process slept; not in host.cycles", idle);
}

enum class Counter {
#define FW_COUNTER(name, text, unit, description) name,
#include "firmware/counters.def"
#undef FW_COUNTER
};

/// What translating cost, by gear and stage.
void add_translator_statistics(Statistics& statistics, const fw::Mailbox& mailbox) {
  static constexpr std::pair<const char*, const char*> kStages[] = {
#define STAGE(name, text, meaning) {text, meaning},
#include "translator/stage.def"
#undef STAGE
  };
  static constexpr Counter kTranslated[] = {Counter::TranslatedInstructions1, Counter::TranslatedInstructions2, Counter::TranslatedInstructions3};
  for (unsigned gear = 1; gear <= mailbox.max_gear; ++gear) {
    uint64_t sum = 0;
    for (unsigned stage = 0; stage < translator::kStages; ++stage) {
      const uint64_t cycles = mailbox.stage_cycles[gear - 1][stage];
      sum += cycles;
      statistics.add(fmt::format("translator.gear{}.{}.cycles", gear, kStages[stage].first), "Cycle",
                     fmt::format("translating for gear {}: {}", gear, kStages[stage].second), cycles);
    }
    const uint64_t instructions = mailbox.counter[static_cast<unsigned>(kTranslated[gear - 1])];
    statistics.add(fmt::format("translator.gear{}.instructions", gear), "Count", "x86 instructions translated", instructions);
    statistics.add(fmt::format("translator.gear{}.cycles_per_instruction", gear), "Ratio", "host cycles for each of them, failed attempts included",
                   instructions != 0 ? static_cast<double>(sum) / static_cast<double>(instructions) : 0.0);
  }
}

void add_firmware_statistics(Statistics& statistics, const fw::Mailbox& mailbox) {
  unsigned i = 0;
#define FW_COUNTER(name, text, unit, description) statistics.add("firmware." text, #unit, description, mailbox.counter[i++]);
#include "firmware/counters.def"
#undef FW_COUNTER
  add_translator_statistics(statistics, mailbox);
}

/// The text that Service::Console and Panic point to. The hosted form's addresses are this process's own.
std::string diagnostic_text(Engine& engine) {
  const uint64_t address = engine.mailbox().argument[0], length = engine.mailbox().argument[1];
  if (engine.concealed().empty()) return std::string(reinterpret_cast<const char*>(address), length);
  const std::span<uint8_t> concealed = engine.concealed();
  const uint64_t offset = address - fw::kConcealedBase;
  if (offset >= concealed.size() || length > concealed.size() - offset) return "(text outside concealed memory)";
  return std::string(reinterpret_cast<const char*>(concealed.data()) + offset, length);
}

/// Tells all observers of a run what one is told.
class Audience final : hw::Observer {
 public:
  Audience(const std::vector<RunObserver*>& observers, Engine& engine, const isa::MachineModel& machine)
      : observers_(observers), engine_(engine) {
    if (observers_.empty()) return;
    for (RunObserver* observer : observers_) observer->begin(engine, machine);
    if (!engine_.observe(this)) throw UserError("watching a run needs --fidelity cycle and --firmware core");
  }
  ~Audience() { engine_.observe(nullptr); }
  Audience(const Audience&) = delete;
  Audience& operator=(const Audience&) = delete;

  /// Mailbox::argument[0] points to a fw::Notice.
  void notice(const fw::Mailbox& mailbox, uint64_t cycle) {
    if (observers_.empty()) return;
    const fw::Notice notice = ConcealedView(engine_.concealed()).read<fw::Notice>(mailbox.argument[0]);
    for (RunObserver* observer : observers_) observer->notice(notice, cycle);
  }
  void before_service(fw::Service kind) {
    for (RunObserver* observer : observers_) observer->before_service(kind);
  }
  void after_service(bool stop) {
    for (RunObserver* observer : observers_) observer->after_service(stop);
  }
  void end(uint64_t cycle) {
    for (RunObserver* observer : observers_) observer->end(cycle);
  }

 private:
  void observe(const hw::Observation& observation) override {
    for (RunObserver* observer : observers_) observer->molecule(observation);
  }
  bool wants_records() const override {
    return std::any_of(observers_.begin(), observers_.end(), [](const RunObserver* observer) { return observer->wants_records(); });
  }

  const std::vector<RunObserver*>& observers_;
  Engine& engine_;
};

/// Writes translations as they are installed, one a line.
class TranslationWriter {
 public:
  TranslationWriter(const std::string& path, Engine& engine) : engine_(engine) {
    if (path.empty()) return;
    out_.open(path, std::ios::binary);
    if (!out_) throw UserError(fmt::format("--translations {}: cannot be written: {}", path, std::strerror(errno)));
    engine_.mailbox().gears.switches |= fw::kSwitchAnnounce;
  }

  void write(const fw::InstalledTranslation& made) {
    const std::span<const uint8_t> code = engine_.code_cache().subspan(made.code - fw::kCodeCacheBase, made.bytes);
    out_ << fmt::format("gear {} {:#010x} x86 {} at {:#x}:", made.gear, made.eip, made.instructions, made.code);
    for (size_t i = 0; i < code.size(); i += 4) {
      uint32_t word;
      std::memcpy(&word, &code[i], sizeof word);
      out_ << fmt::format(" {:08x}", word);
    }
    out_ << '\n';
  }

 private:
  Engine& engine_;
  std::ofstream out_;
};

}  // namespace

RunResult run_program(const RunRequest& request) {
  const isa::MachineModel machine = isa::load_machine(request.machine, request.settings.machine);
  // What the program is must be known before the machine is built: the message about it comes at once.
  if (request.program.empty()) throw UserError("no program given; the guest's command line comes after --");
  const std::unique_ptr<Engine> engine = make_engine(request.fidelity, request.form, machine, request.settings, request.firmware_by_blocks);
  fw::Mailbox& mailbox = engine->mailbox();
  TranslationWriter translations(request.translations, *engine);
  const InterruptGuard interrupt;

  ProcessConfig config;
  config.program = request.program;
  // The same run wherever the program lies: the guest sees the base name, unless told otherwise.
  config.args.push_back(request.argv0.empty() ? std::filesystem::path(request.program).filename().string() : request.argv0);
  config.args.insert(config.args.end(), request.arguments.begin(), request.arguments.end());
  config.env = request.environment;
  config.sysroot = request.sysroot;
  config.seed = request.settings.seed;
  config.frequency = uint64_t{machine.frequency_mhz} * 1'000'000;
  config.hwcap = fw::kCpuidFeatures;
  config.ram = engine->guest_ram().data();
  config.ram_size = engine->guest_ram().size();
  config.stop_requested = &interrupt.flag();
  Progress progress(request.quiet, request.limits);
  const auto report = [&](const std::string& message) {
    progress.clear();
    if (!request.quiet) fmt::print(stderr, "chrysalis: {}\n", message);
  };
  config.report = report;
  Process process(std::move(config));
  if (const auto problem = process.load(mailbox)) throw UserError(*problem);

  Audience audience(request.observers, *engine, machine);
  RunResult result;
  uint64_t idle = 0;
  std::set<x86::Mnemonic> unsupported;
  const auto serve = [&](fw::Service kind, uint64_t cycle) {
    switch (kind) {
      case fw::Service::GuestException:
      case fw::Service::Attention: {
        const ServiceResult outcome =
            kind == fw::Service::Attention ? process.on_timer(mailbox, cycle) : process.on_service(mailbox, cycle);
        mailbox.attention_cycle = process.next_timer().value_or(0);
        idle += outcome.idle_cycles;
        if (outcome.kind == ServiceResult::Kind::Continue) return true;
        result.exit_code = outcome.exit_code();
        if (outcome.kind == ServiceResult::Kind::Failed) {
          result.exit_code = kExitUserError;
          result.message = outcome.message;
        }
        mailbox.reply |= fw::kReplyStop;
        return false;
      }
      case fw::Service::Console:
        progress.clear();
        fmt::print(stderr, "{}", diagnostic_text(*engine));
        return true;
      case fw::Service::Panic:
        result.exit_code = kExitInternal;
        result.message = "the firmware stopped: " + diagnostic_text(*engine);
        return false;
      case fw::Service::UnsupportedInstruction: {  // counted by the firmware; each mnemonic is reported once
        const auto mnemonic = static_cast<x86::Mnemonic>(mailbox.argument[1]);
        if (unsupported.insert(mnemonic).second) {
          report(fmt::format("the guest's instruction {} (first at {:#010x}) is not supported; it gets #UD",
                             x86::mnemonic_name(mnemonic), mailbox.argument[0]));
        }
        return true;
      }
      case fw::Service::Translating:  // for engines that have an account
        return true;
      case fw::Service::Installed:
        translations.write(mailbox.installed);
        return true;
      case fw::Service::Notice:
        audience.notice(mailbox, cycle);
        return true;
    }
    result.exit_code = kExitInternal;
    result.message = fmt::format("the firmware asked for service {}, which does not exist", static_cast<uint32_t>(kind));
    return false;
  };

  const auto service = [&](fw::Service kind, uint64_t cycle) {
    audience.before_service(kind);
    const bool go_on = serve(kind, cycle);
    audience.after_service(!go_on);
    return go_on;
  };

  const auto start = std::chrono::steady_clock::now();
  // On a terminal the run goes in slices, so that progress can be drawn; the slices are no part of the machine.
  constexpr uint64_t kSlice = 2'000'000;
  for (;;) {
    Limits slice = request.limits;
    if (progress.active()) slice.cycles = std::min(slice.cycles, engine->cycles() + kSlice);
    result.reason = engine->run(slice, service, interrupt.flag());
    if (result.reason != StopReason::Cycles || engine->cycles() >= request.limits.cycles) break;
    progress.update(engine->cycles(), engine->instructions(), engine->gear_mix());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  progress.clear();
  audience.end(engine->cycles());

  switch (result.reason) {
    case StopReason::Service: break;
    case StopReason::Instructions:
      result.exit_code = kExitLimit;
      result.message = fmt::format("stopped at --max-instructions {}", request.limits.instructions);
      break;
    case StopReason::Cycles:
      result.exit_code = kExitLimit;
      result.message = fmt::format("stopped at --max-cycles {}", request.limits.cycles);
      break;
    case StopReason::Stopped:
      result.exit_code = kExitInternal;
      result.message = "stopped by who observed it";
      break;
    case StopReason::Interrupted:
      result.exit_code = kExitInterrupted;
      result.message = "interrupted";
      break;
    case StopReason::Fault:
      result.exit_code = kExitInternal;
      result.message = engine->fault();
      break;
  }

  add_guest_statistics(result.statistics, *engine, process, idle);
  engine->collect(result.statistics);
  add_firmware_statistics(result.statistics, mailbox);
  result.statistics.add("sim.seconds", "Second", "time that the simulation took", seconds);
  result.statistics.add("sim.host_cycles_per_second", "Cycle/Second", "simulated host cycles per second",
                        seconds > 0 ? static_cast<double>(engine->cycles()) / seconds : 0.0);
  if (request.at_end) request.at_end(result);
  return result;
}

}  // namespace chrysalis::sim
