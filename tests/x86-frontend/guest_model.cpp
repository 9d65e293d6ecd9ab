#include "tests/x86-frontend/guest_model.h"

#include <cstring>

#include "x86-frontend/helpers.h"

namespace chrysalis::test {

using ir::GuestReg;
using namespace oracle;

namespace {

constexpr uint32_t kArithmetic = 0x8d5;
constexpr unsigned kSelectors = static_cast<unsigned>(GuestReg::EsSel), kBases = static_cast<unsigned>(GuestReg::EsBase);

Environment::HelperResult refuse(uint8_t vector, uint32_t error) { return {false, 0, 0, {vector, error, 0}}; }

}  // namespace

void GuestModel::reset(uint32_t image) {
  code_.fill(0xcc);
  std::memcpy(page_, shared_.image[image], sizeof page_);
  incomparable_ = code_was_read_ = false;
}

uint8_t* GuestModel::byte(uint32_t address, bool write, Fault& fault) {
  constexpr uint32_t kPresent = 1, kWrite = 2, kUser = 4;
  const uint32_t base = address & ~(kPage - 1);
  for (unsigned i = 0; i < kPages; ++i) {
    if (kPageMap[i].address != base) continue;
    if (!write || kPageMap[i].writable) return &page_[i][address - base];
    fault = {14, kPresent | kWrite | kUser, address};
    return nullptr;
  }
  if (address - kCode < code_.size()) {
    code_was_read_ = true;
    if (!write || shared_.writable_code) return &code_[address - kCode];
    fault = {14, kPresent | kWrite | kUser, address};
    return nullptr;
  }
  if (touches_server(address)) incomparable_ = true;
  fault = {14, kUser | (write ? kWrite : 0), address};
  return nullptr;
}

void GuestModel::hash(uint32_t (&hash)[4]) const {
  for (uint32_t& lane : hash) lane = 0;
  for (unsigned i = 0; i < kPages; ++i) {
    if (kPageMap[i].writable) hash_page(page_[i], hash);
  }
  for (unsigned i = 0; shared_.writable_code && i < kCodePages; ++i) hash_page(&code_[i * kPage], hash);
}

unsigned GuestModel::fetch(uint32_t eip, uint8_t (&bytes)[15], Fault& fault) const {
  constexpr uint32_t kPresent = 1, kUser = 4, kFetch = 16;
  unsigned n = 0;
  for (; n < 15; ++n) {
    const uint32_t offset = eip + n - kCode;
    if (offset >= code_.size()) break;
    bytes[n] = code_[offset];
  }
  const uint32_t at = eip + n;
  bool mapped = false;
  for (const MappedPage& p : kPageMap) mapped |= at - p.address < kPage;
  fault = {14, kUser | kFetch | (mapped ? kPresent : 0), at};
  return n;
}

Machine GuestModel::load(const State& state) const {
  Machine m;
  for (unsigned i = 0; i < 8; ++i) m.reg[i] = state.gpr[i];
  m[GuestReg::Flags] = state.eflags & kArithmetic;
  m[GuestReg::SysFlags] = state.eflags & ~(kArithmetic | 2);
  for (unsigned i = 0; i < 6; ++i) {
    m.reg[kSelectors + i] = state.selector[i];
    m.reg[kBases + i] = descriptor(state.selector[i]).base;
  }
  return m;
}

State GuestModel::store(const Machine& m, uint32_t eip) const {
  State s{};
  for (unsigned i = 0; i < 8; ++i) s.gpr[i] = static_cast<uint32_t>(m.reg[i]);
  s.eip = eip;
  s.eflags = static_cast<uint32_t>(m[GuestReg::Flags] | m[GuestReg::SysFlags] | 2);
  for (unsigned i = 0; i < 6; ++i) s.selector[i] = static_cast<uint16_t>(m.reg[kSelectors + i]);
  return s;
}

x86::LiftOptions GuestModel::lift_options(const Machine& m) const {
  x86::LiftOptions o{0, 0, 0};
  for (unsigned i = 0; i < 6; ++i) {
    const auto selector = static_cast<uint16_t>(m.reg[kSelectors + i]);
    const auto bit = static_cast<uint8_t>(1u << i);
    if (selector < 4) o.unreadable_segments |= bit;
    else if (m.reg[kBases + i] == 0) o.flat_segments |= bit;
    if (!descriptor(selector).writable) o.unwritable_segments |= bit;
  }
  return o;
}

GuestModel::Descriptor GuestModel::descriptor(uint16_t selector) const {
  const unsigned index = selector >> 3;
  if (selector & 4) return {};
  if (index == shared_.flat_code >> 3) return {true, true, false, 0, 0xcffb00};
  if (index == shared_.flat_data >> 3) return {true, false, true, 0, 0xcff300};
  for (unsigned i = 0; i < 2; ++i) {
    if (index == shared_.tls_selector[i] >> 3) return {true, false, true, kTlsBase[i], 0xdff300};
  }
  if (index == 6) return {true, true, false, 0, 0xaffb00};  // 64-bit user code
  return {};
}

Environment::HelperResult GuestModel::load_segment(unsigned segment, uint16_t selector, Machine& machine) {
  const bool stack = segment == kSs;
  const uint32_t error = selector & 0xfffc;
  Descriptor d;
  if (error == 0) {
    if (stack) return refuse(13, 0);
  } else {
    d = descriptor(selector);
    if (selector >> 3 == 15) incomparable_ = true;  // the processor number's segment
    if (!d.present || (stack && (!d.writable || (selector & 3) != 3))) return refuse(13, error);
  }
  machine.reg[kSelectors + segment] = selector;
  machine.reg[kBases + segment] = d.base;
  return {};
}

Environment::HelperResult GuestModel::check_code_segment(uint16_t selector, bool is_return) {
  const uint32_t error = selector & 0xfffc;
  if (error == 0) return refuse(13, 0);
  const Descriptor d = descriptor(selector);
  if (!d.code || (is_return && (selector & 3) != 3)) return refuse(13, error);
  if (selector >> 3 != shared_.flat_code >> 3) incomparable_ = true;  // 64-bit mode
  HelperResult r;
  r.value = selector | 3;
  return r;
}

Environment::HelperResult GuestModel::adjust_rpl(uint32_t address, uint16_t selector, bool writable, StoreLog& log) {
  HelperResult r;
  note_access(address, 2);
  r.ok = byte(address, false, r.fault) && byte(address + 1, false, r.fault);
  if (!r.ok) return r;
  const unsigned rpl = selector & 3, old = *byte(address, false, r.fault);
  if ((old & 3) >= rpl) return r;
  if (!writable) return refuse(13, 0);
  r.ok = byte(address, true, r.fault) && byte(address + 1, true, r.fault);
  if (!r.ok) return r;
  log.write(byte(address, true, r.fault), static_cast<uint8_t>((old & ~3u) | rpl));
  r.value = 1;
  return r;
}

// SDM Vol. 3, 6.3 "Limit checking": whether an access that goes past offset 0xffffffff of a 4 GiB segment faults depends on
// the processor.
void GuestModel::note_access(uint32_t address, unsigned bytes) {
  for (const uint32_t base : {0u, kTlsBase[0], kTlsBase[1]}) {
    if (address - base > 0u - bytes) incomparable_ = true;
  }
}

Environment::HelperResult GuestModel::query(unsigned id, uint16_t selector) {
  const Descriptor d = descriptor(selector);
  if (selector >> 3 == 15) incomparable_ = true;
  bool valid = d.present && (selector & 0xfffc) != 0;
  uint64_t value = 0;
  switch (static_cast<x86::HelperId>(id)) {
    case x86::HelperId::LoadAccessRights: value = d.access; break;
    case x86::HelperId::LoadSegmentLimit: value = 0xffffffff; break;
    case x86::HelperId::VerifyWrite: valid = valid && d.writable; break;
    default: break;
  }
  HelperResult r;
  r.value = valid ? value | uint64_t{1} << 32 : 0;
  return r;
}

Environment::HelperResult GuestModel::helper(uint32_t id, const uint64_t (&source)[4], Machine& machine, StoreLog& log) {
  // As Linux emulates them for 32-bit programs under UMIP, in the order of SystemRegister.
  static constexpr uint64_t kSystem[] = {uint64_t{0xfffe0000} << 16, uint64_t{0xffff0000} << 16, 0, 0x40, 0x80050033};
  HelperResult r;
  switch (static_cast<x86::HelperId>(id)) {
    case x86::HelperId::LoadSegment: return load_segment(static_cast<unsigned>(source[0]), static_cast<uint16_t>(source[1]), machine);
    case x86::HelperId::CheckCodeSegment: return check_code_segment(static_cast<uint16_t>(source[0]), source[1] != 0);
    case x86::HelperId::LoadAccessRights: case x86::HelperId::LoadSegmentLimit:
    case x86::HelperId::VerifyRead: case x86::HelperId::VerifyWrite: return query(id, static_cast<uint16_t>(source[0]));
    case x86::HelperId::ReadSystemRegister: r.value = kSystem[source[0]]; return r;
    case x86::HelperId::AdjustRpl:
      return adjust_rpl(static_cast<uint32_t>(source[0]), static_cast<uint16_t>(source[1]), source[2] != 0, log);
    default: break;  // Cpuid, Rdtsc: not deterministic; x87: tests/firmware/x87_model.h
  }
  incomparable_ = true;
  return r;
}

}  // namespace chrysalis::test
