// Fills the retire record of the molecule under way. The engine has one while somebody asks for records.
#pragma once

#include "hw/code_map.h"
#include "hw/retire.h"
#include "hw/written_registers.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::hw {

/// Adds a gated store of the molecule.
void add_store(RetireRecord& record, const isa::GatedStore& store);

class Recorder {
 public:
  /// Before `molecule` executes, or raises what it raises.
  void start(const Decoded& molecule, const ModelCore& core, const isa::PhysicalMemory& memory);
  /// Within its commit; its stores are still in the buffer.
  void commit(const ModelCore& core);
  /// It has executed, and its accesses have not been issued yet.
  void executed(const ModelCore& core, const EngineBus& bus);
  /// Instead of that: it has raised `event`, or `event` comes before it.
  void raised(const isa::Event& event);
  /// All is done; valid until the next start().
  const RetireRecord& finish(const ModelCore& core);

 private:
  RetireRecord record_;
  WrittenRegisters written_;
  uint32_t gated_before_ = 0;  ///< gated stores when it began
  uint32_t write_count_ = 0;   ///< registers that it writes, in writes_
  uint8_t writes_[kMaxRetireWrites] = {};
  isa::GatedStore released_[isa::kMaxStoreBuffer];
};

}  // namespace chrysalis::hw
