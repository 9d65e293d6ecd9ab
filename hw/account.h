// The cycle account: to which mode and cause each cycle belongs. Source: docs/timing.md, "The cycle account".
#pragma once

#include <cstdint>

namespace chrysalis::hw {

/// MODE(Name, "statistics name", "what the core is doing")
#define CHRYSALIS_MODES(MODE)                                                                   \
  MODE(Firmware, "firmware", "firmware that belongs to no other mode, boot above all")          \
  MODE(Interpreter, "interpreter", "gear 0: decoding, lifting and interpreting x86")            \
  MODE(Dispatch, "dispatch", "finding what to run next")                                        \
  MODE(Event, "event", "event vector and handlers, page-table walks included")                  \
  MODE(Recovery, "recovery", "after a rollback: interpreting to the precise point, adaptation") \
  MODE(Translator1, "translator_1", "translating for gear 1")                                   \
  MODE(Translator2, "translator_2", "translating for gear 2")                                   \
  MODE(Translator3, "translator_3", "translating for gear 3")                                   \
  MODE(Translated1, "translated_1", "running gear 1 translations")                              \
  MODE(Translated2, "translated_2", "running gear 2 translations")                              \
  MODE(Translated3, "translated_3", "running gear 3 translations")                              \
  MODE(Idle, "idle", "waiting because the guest has nothing to do")

enum class Mode : uint8_t {
#define MODE(name, text, meaning) name,
  CHRYSALIS_MODES(MODE)
#undef MODE
  kCount
};
inline constexpr unsigned kModes = static_cast<unsigned>(Mode::kCount);

/// CHARGE(Name, "statistics name", "why the cycle passed"). docs/timing.md, rule A2.
#define CHRYSALIS_CHARGES(CHARGE)                                                                \
  CHARGE(Issue, "issue", "a molecule issues")                                                    \
  CHARGE(Branch, "branch", "redirect after a taken branch")                                      \
  CHARGE(Rollback, "rollback", "events that roll back, and rollbacks, until the next molecule")  \
  CHARGE(Alias, "alias", "the same for alias faults")                                            \
  CHARGE(Event, "event", "events that do not roll back, and returns from events")                \
  CHARGE(FetchL2, "fetch_l2", "instruction misses that the second level serves")                 \
  CHARGE(FetchMemory, "fetch_memory", "instruction misses that memory serves")                   \
  CHARGE(Operand, "operand", "a register whose atom has not finished")                           \
  CHARGE(DataL2, "data_l2", "data misses that the second level serves")                          \
  CHARGE(DataMemory, "data_memory", "data misses that memory serves")                            \
  CHARGE(Unit, "unit", "an iterative unit is busy")                                              \
  CHARGE(StoreBuffer, "store_buffer", "released stores that have not drained")                   \
  CHARGE(Device, "device", "a device has not answered")                                          \
  CHARGE(Idle, "idle", "skipped by the platform")

enum class Charge : uint8_t {
#define CHARGE(name, text, meaning) name,
  CHRYSALIS_CHARGES(CHARGE)
#undef CHARGE
  kCount
};
inline constexpr unsigned kCharges = static_cast<unsigned>(Charge::kCount);

inline constexpr const char* kModeName[] = {
#define MODE(name, text, meaning) text,
    CHRYSALIS_MODES(MODE)
#undef MODE
};
inline constexpr const char* kModeMeaning[] = {
#define MODE(name, text, meaning) meaning,
    CHRYSALIS_MODES(MODE)
#undef MODE
};
inline constexpr const char* kChargeName[] = {
#define CHARGE(name, text, meaning) text,
    CHRYSALIS_CHARGES(CHARGE)
#undef CHARGE
};
inline constexpr const char* kChargeMeaning[] = {
#define CHARGE(name, text, meaning) meaning,
    CHRYSALIS_CHARGES(CHARGE)
#undef CHARGE
};

/// One mode's share. The issue cycles equal the molecules; atoms stand beside them (rule A3).
struct ModeAccount {
  uint64_t cycles[kCharges] = {};
  uint64_t atoms = 0;
  uint64_t instructions = 0;  ///< x86 instructions committed by its molecules

  uint64_t& operator[](Charge charge) { return cycles[static_cast<unsigned>(charge)]; }
  uint64_t operator[](Charge charge) const { return cycles[static_cast<unsigned>(charge)]; }
};

struct Account {
  ModeAccount mode[kModes];

  ModeAccount& operator[](Mode m) { return mode[static_cast<unsigned>(m)]; }
  const ModeAccount& operator[](Mode m) const { return mode[static_cast<unsigned>(m)]; }

  /// The sum of all leaves.
  uint64_t total() const {
    uint64_t sum = 0;
    for (const ModeAccount& m : mode)
      for (uint64_t cycles : m.cycles) sum += cycles;
    return sum;
  }
};

/// Modes of the firmware's functions, by address. Which gear it translates for it has to say.
inline constexpr Mode kFirmwareModes[] = {Mode::Firmware, Mode::Interpreter, Mode::Dispatch, Mode::Recovery};

/// Moves what the firmware's modes are charged while it works for another mode there. Molecules are charged by their
/// address alone; this keeps what stood there when such a time began.
class FirmwareCharge {
 public:
  /// Moves what has come since then.
  void settle(Account& account) {
    if (to_ == Mode::Firmware) return;
    ModeAccount moved;
    for (unsigned i = 0; i < kShared; ++i) {
      ModeAccount& from = account[kFirmwareModes[i]];
      for (unsigned c = 0; c < kCharges; ++c) moved.cycles[c] += from.cycles[c] - before_[i].cycles[c];
      moved.atoms += from.atoms - before_[i].atoms;
      moved.instructions += from.instructions - before_[i].instructions;
      from = before_[i];
    }
    ModeAccount& to = account[to_];
    for (unsigned c = 0; c < kCharges; ++c) to.cycles[c] += moved.cycles[c];
    to.atoms += moved.atoms;
    to.instructions += moved.instructions;
  }
  /// To whom cycles of `mode` go.
  Mode charged(Mode mode) const {
    for (const Mode shared : kFirmwareModes)
      if (mode == shared && to_ != Mode::Firmware) return to_;
    return mode;
  }
  void change(Account& account, Mode mode) {
    settle(account);
    to_ = mode;
    for (unsigned i = 0; i < kShared; ++i) before_[i] = account[kFirmwareModes[i]];
  }

 private:
  static constexpr unsigned kShared = sizeof kFirmwareModes / sizeof *kFirmwareModes;
  Mode to_ = Mode::Firmware;  ///< nothing moves
  ModeAccount before_[kShared];
};

}  // namespace chrysalis::hw
