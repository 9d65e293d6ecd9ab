// A verilated core as the engine clocks it. There is one class per machine that was built (rtl/model_of.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "isa-host/state/core.h"

namespace chrysalis::rtl {

/// Geometry that a model was built with: machine_pkg.sv.
struct Geometry {
  unsigned width = 0, mem_ports = 0, miss_registers = 0, store_entries = 0, tlb_entries = 0, tlb_ways = 0, jtb_entries = 0, return_entries = 0;
  unsigned l1i_sets = 0, l1i_ways = 0, l1i_line = 0, l1d_sets = 0, l1d_ways = 0, l1d_line = 0;
};

inline constexpr unsigned kCounters = 24;

/// core.sv's outputs in the present cycle.
struct Outputs {
  uint64_t cycle = 0, pc = 0, end = 0, gcount = 0;
  uint32_t committed = 0, gated = 0;
  uint8_t cause = 0, charge = 0, count = 0;
  bool ready = false, issue = false, event = false, redirecting = false, commit = false, rollback = false;
};

/// Architectural registers, copied out.
struct Registers {
  uint64_t integer[isa::kIntRegs] = {};
  isa::V128 vector[isa::kFpRegs];
  uint64_t special[isa::kSpecials] = {};
  isa::Shadow shadow;
};

class Model {
 public:
  virtual ~Model() = default;
  /// Puts the core into the state of reset; cycle 0 is the present one.
  virtual void reset() = 0;
  /// Ends the present cycle.
  virtual void clock(uint32_t lines, bool written, uint64_t written_begin, uint64_t written_end) = 0;
  virtual const Outputs& outputs() const = 0;
  virtual void counters(uint64_t (&values)[kCounters]) const = 0;
  virtual void registers(Registers& registers) const = 0;
  /// One of them: 0..63 integer, 64..127 floating point.
  virtual isa::V128 value_of(unsigned reg) const = 0;
  virtual uint64_t special(isa::Special special) const = 0;
  /// Whether Bus::record_access() is called from now on.
  virtual void records(bool wanted) = 0;
  /// Writes an FST of the cycles from now on; empty: ends it. False if the file cannot be written.
  virtual bool waves(const std::string& file) = 0;
  /// Verilator's coverage of lines and toggles since it was made, for a model that was verilated with it.
  virtual void write_coverage(const std::string& file) = 0;
  /// All state of the RTL, as bytes; restore() takes what save() of a model of the same machine gave.
  virtual std::vector<uint8_t> save() = 0;
  virtual void restore(const std::vector<uint8_t>& state) = 0;
};

/// A machine whose core was built.
struct BuiltModel {
  std::string machine;
  Geometry geometry;
  std::function<std::unique_ptr<Model>()> make;
};

/// In the order of the build's list of machines.
const std::vector<BuiltModel>& built_models();

}  // namespace chrysalis::rtl
