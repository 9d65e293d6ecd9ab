// The C functions that platform_pkg.sv imports.
#include "rtl/bus.h"

#include <svdpi.h>

#include "hw/check.h"
#include "isa-host/semantics.h"

namespace chrysalis::rtl {
namespace {

Bus* current = nullptr;

/// Behind the scratch core that executes atoms which are not hardware yet: they touch registers alone.
struct NoBus {
  uint8_t* memory = nullptr;
  uint8_t* ram(uint64_t, uint64_t) const { return memory; }
  bool device_read(uint64_t, unsigned, uint8_t*) { return false; }
  bool device_write(uint64_t, unsigned, const uint8_t*) { return false; }
  void note(isa::AccessKind, uint64_t, unsigned) {}
  void note_atom(const isa::Atom&, unsigned) {}
  void note_forwarded(unsigned) {}
  void note_commit(unsigned, unsigned) {}
  void note_rollback() {}
  void code_written(uint64_t, unsigned) {}
  bool marks_code(uint64_t) const { return false; }
  uint64_t cycles() const { return 0; }
  uint64_t molecules() const { return 0; }
  uint64_t atoms() const { return 0; }
  uint64_t interrupt_lines() const { return 0; }
  isa::PlatformResult platform(uint32_t) { return {}; }
};
using ScratchCore = isa::Core<NoBus>;

}  // namespace

void Bus::set_current(Bus* bus) { current = bus; }

}  // namespace chrysalis::rtl

using chrysalis::rtl::Bytes16;
using chrysalis::rtl::current;
namespace isa = chrysalis::isa;

extern "C" {

unsigned bus_code(unsigned long long pc, unsigned long long* w0, unsigned long long* w1, unsigned long long* w2, unsigned long long* w3) {
  uint64_t words[4] = {};
  const unsigned available = current->code(pc, words);
  *w0 = words[0];
  *w1 = words[1];
  *w2 = words[2];
  *w3 = words[3];
  return available;
}

void bus_load(unsigned long long address, unsigned size, unsigned long long* low, unsigned long long* high) {
  const Bytes16 bytes = current->load(address, size);
  *low = bytes.low;
  *high = bytes.high;
}

void bus_store(unsigned long long address, unsigned size, unsigned long long low, unsigned long long high) {
  current->store(address, size, {low, high});
}

void bus_gate(unsigned long long address, unsigned size, svBit device, unsigned long long low, unsigned long long high) {
  current->gate(address, size, device != 0, {low, high});
}

void bus_commit(unsigned instructions) { current->commit(instructions); }

void bus_rollback() { current->rollback(); }

svBit bus_device_load(unsigned long long address, unsigned size, unsigned long long* low, unsigned long long* high, unsigned* delay) {
  Bytes16 bytes;
  *delay = 0;
  const bool answered = current->device_load(address, size, bytes, *delay);
  *low = bytes.low;
  *high = bytes.high;
  return answered;
}

svBit bus_device_store(unsigned long long address, unsigned size, unsigned long long low, unsigned long long high, unsigned* delay) {
  *delay = 0;
  return current->device_store(address, size, {low, high}, *delay);
}

unsigned bus_device_commit() { return current->device_commit(); }

unsigned long long bus_fill(svBit instruction, unsigned long long line, unsigned long long received, svBit* from_memory) {
  bool memory = false;
  const uint64_t due = current->fill(instruction != 0, line, received, memory);
  *from_memory = memory;
  return due;
}

void bus_write_back(unsigned long long line, unsigned long long received) { current->write_back(line, received); }

svBit bus_platform(unsigned service, unsigned long long ready, unsigned long long* value, unsigned long long* begin, unsigned long long* end) {
  const auto answer = current->platform(service, ready);
  *value = answer.value;
  *begin = answer.written_begin;
  *end = answer.written_end;
  return answer.raise_event;
}

unsigned long long bus_strap(unsigned index) { return current->strap(index); }

void bus_record_access(svBit guest, svBit store, svBit prefetch, unsigned long long address, unsigned size) {
  using Kind = isa::AccessKind;
  const Kind kind = prefetch ? (guest ? Kind::GuestPrefetch : Kind::ConcealedPrefetch)
                    : store  ? Kind::ConcealedStore
                             : (guest ? Kind::GuestLoad : Kind::ConcealedLoad);
  current->record_access(kind, address, size);
}

void atom_execute(unsigned row, unsigned count, unsigned long long ra, unsigned long long va_low, unsigned long long va_high,
                  unsigned long long vb_low, unsigned long long vb_high, unsigned long long vd_low, unsigned long long vd_high,
                  unsigned long long fcr, unsigned long long* fsr, unsigned long long* low, unsigned long long* high) {
  static chrysalis::rtl::NoBus bus;
  static chrysalis::rtl::ScratchCore core(isa::CoreConfig{}, bus);
  constexpr uint8_t kA = 1, kB = 2, kD = 3;
  chrysalis::hw::check(row < isa::kOps, "the core executes atoms of the table");
  isa::Atom atom;
  atom.op = static_cast<isa::Op>(row);
  atom.ra = kA;
  atom.rb = kB;
  atom.rd = kD;
  atom.count = static_cast<uint16_t>(count);
  core.r[kA] = ra;
  core.v[kA] = {va_low, va_high};
  core.v[kB] = {vb_low, vb_high};
  core.v[kD] = {vd_low, vd_high};
  core.special_ref(isa::Special::Fcr) = fcr;
  core.special_ref(isa::Special::Fsr) = *fsr;
  isa::exec_function<chrysalis::rtl::ScratchCore>(atom)(core, atom);
  *fsr = core.special_ref(isa::Special::Fsr);
  const bool vector = isa::info(atom.op).uses(isa::kWritesVd);
  *low = vector ? core.v[kD].low : core.r[kD];
  *high = vector ? core.v[kD].high : 0;
}

}  // extern "C"
