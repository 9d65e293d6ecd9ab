// A reference evaluator of lifted x86 code: one switch, no speed, no cleverness. Tests compare it with
// the processor, and other executions with it. It shares no code with isa-host's semantics on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "translator/ir/ir.h"

namespace chrysalis::test {

struct Machine {
  uint64_t reg[static_cast<unsigned>(ir::GuestReg::kCount)] = {};
  uint64_t& operator[](ir::GuestReg r) { return reg[static_cast<unsigned>(r)]; }
  uint64_t operator[](ir::GuestReg r) const { return reg[static_cast<unsigned>(r)]; }
};

/// An x86 exception.
struct Fault {
  uint8_t vector = 0;
  uint32_t error = 0;
  uint32_t address = 0;      ///< CR2, for vector 14
};

/// The bytes that an evaluation stored, in order.
class StoreLog {
 public:
  struct Entry {
    uint8_t* at;
    uint8_t before, after;
    bool operator==(const Entry&) const = default;
  };
  void write(uint8_t* at, uint8_t value) {
    entries_.push_back({at, *at, value});
    *at = value;
  }
  void undo() {
    for (std::size_t i = entries_.size(); i-- > 0;) *entries_[i].at = entries_[i].before;
  }
  void clear() { entries_.clear(); }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// Guest memory, and what lies behind Op::Helper.
class Environment {
 public:
  virtual ~Environment() = default;
  /// The byte at `address` for the access asked, or null with `fault` filled in.
  virtual uint8_t* byte(uint32_t address, bool write, Fault& fault) = 0;
  struct HelperResult {
    bool ok = true;          ///< false: `fault` is raised, and nothing has changed
    uint64_t value = 0;
    uint64_t flags = 0;
    Fault fault;
  };
  /// What a helper stores in guest memory goes through `log`.
  virtual HelperResult helper(uint32_t id, const uint64_t (&source)[4], Machine& machine, StoreLog& log) = 0;
  /// Called before each access to guest memory.
  virtual void note_access(uint32_t address, unsigned bytes) = 0;
};

struct EvalResult {
  enum Kind : uint8_t {
    FellThrough,             ///< no exit was taken
    Exited,                  ///< to `target`, by `exit`
    Faulted,                 ///< `fault`; registers and memory are as before
    Interrupted,             ///< SoftInt `fault.vector`; state is written; fault.error is the operation's imm
  } kind = FellThrough;
  uint32_t target = 0;
  ir::ExitKind exit = ir::ExitKind::Jump;
  Fault fault;
  bool stored_before_fault = false;  ///< stores were dropped that some processors make before the fault
};

/// Evaluates `code` on `machine`. Stores take effect, and stay in `log`, only if nothing faults.
EvalResult evaluate(const ir::Code& code, Machine& machine, Environment& environment, StoreLog& log);

}  // namespace chrysalis::test
