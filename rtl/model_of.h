// A Model from the class that Verilator makes of core.sv. Included by one generated file per machine.
#pragma once

#include <cstring>

#include <verilated.h>
#include <verilated_cov.h>
#ifndef CHRYSALIS_RTL_WITHOUT_WAVES
#include <verilated_fst_c.h>
#endif
#include <verilated_save.h>

#include "hw/check.h"
#include "rtl/model.h"

namespace chrysalis::rtl {

/// Verilator writes to and reads from memory here, not a file.
class SaveToBytes final : public VerilatedSerialize {
 public:
  explicit SaveToBytes(std::vector<uint8_t>& bytes) : bytes_(bytes) {
    m_isOpen = true;
    header();
  }
  ~SaveToBytes() override { close(); }
  void close() VL_MT_UNSAFE_ONE override {
    if (!m_isOpen) return;
    trailer();
    flush();
    m_isOpen = false;
  }
  void flush() VL_MT_UNSAFE_ONE override {
    bytes_.insert(bytes_.end(), m_bufp, m_cp);
    m_cp = m_bufp;
  }

 private:
  std::vector<uint8_t>& bytes_;
};

class RestoreFromBytes final : public VerilatedDeserialize {
 public:
  explicit RestoreFromBytes(const std::vector<uint8_t>& bytes) : bytes_(bytes) {
    m_isOpen = true;
    m_endp = m_bufp;
    header();
  }
  ~RestoreFromBytes() override { close(); }
  void close() VL_MT_UNSAFE_ONE override {
    if (!m_isOpen) return;
    trailer();
    m_isOpen = false;
  }
  void fill() VL_MT_UNSAFE_ONE override {
    // What is left moves to the front.
    const std::size_t left = static_cast<std::size_t>(m_endp - m_cp);
    std::memmove(m_bufp, m_cp, left);
    m_endp = m_bufp + left;
    m_cp = m_bufp;
    const std::size_t room = static_cast<std::size_t>(bufferSize()) - left;
    const std::size_t count = room < bytes_.size() - at_ ? room : bytes_.size() - at_;
    std::memcpy(m_endp, bytes_.data() + at_, count);
    m_endp += count;
    at_ += count;
    // Verilator reads whole buffers ahead; beyond the end nothing is used.
  }
  void flush() VL_MT_UNSAFE_ONE override {}

 private:
  const std::vector<uint8_t>& bytes_;
  std::size_t at_ = 0;
};

/// `Top` is Verilator's class, `Root` the one that holds its signals.
template <class Top> class ModelOf final : public Model {
 public:
  explicit ModelOf(const char* name) : top_(&context_, name) {}
  ~ModelOf() override {
    top_.final();
  }

  void reset() override {
    top_.rst_ni = 0;
    top_.lines_i = 0;
    top_.written_i = 0;
    for (unsigned i = 0; i < 2; ++i) edge();
    top_.rst_ni = 1;
    top_.clk_i = 0;
    top_.eval();
    read_outputs();
  }

  void clock(uint32_t lines, bool written, uint64_t written_begin, uint64_t written_end) override {
    top_.lines_i = lines;
    top_.written_i = written;
    top_.written_begin_i = written_begin;
    top_.written_end_i = written_end;
    edge();
    read_outputs();
  }

  const Outputs& outputs() const override { return outputs_; }

  void counters(uint64_t (&values)[kCounters]) const override {
    for (unsigned i = 0; i < kCounters; ++i) values[i] = top_.counter_o[i];
  }

  void registers(Registers& registers) const override {
    const auto& root = *top_.rootp;
    for (unsigned i = 0; i < isa::kIntRegs; ++i) registers.integer[i] = root.core__DOT__i_registers__DOT__i_integers__DOT__working_q[i];
    for (unsigned i = 0; i < isa::kFpRegs; ++i) registers.vector[i] = vector(root.core__DOT__i_registers__DOT__i_vectors__DOT__working_q[i]);
    for (unsigned i = 0; i < isa::kSpecials; ++i) registers.special[i] = root.core__DOT__special[i];
    for (unsigned i = 0; i < isa::kShadowedInt; ++i) {
      registers.shadow.r[i] = root.core__DOT__i_registers__DOT__i_integers__DOT__shadow_q[i];
      registers.shadow.v[i] = vector(root.core__DOT__i_registers__DOT__i_vectors__DOT__shadow_q[i]);
    }
    // In the order of registers.sv.
    registers.shadow.fcr = root.core__DOT__i_registers__DOT__i_specials__DOT__shadow_q[0];
    registers.shadow.fsr = root.core__DOT__i_registers__DOT__i_specials__DOT__shadow_q[1];
    registers.shadow.gpc = root.core__DOT__i_registers__DOT__i_specials__DOT__shadow_q[2];
  }

  isa::V128 value_of(unsigned reg) const override {
    const auto& root = *top_.rootp;
    if (reg < isa::kFpFile) return {root.core__DOT__i_registers__DOT__i_integers__DOT__working_q[reg], 0};
    return vector(root.core__DOT__i_registers__DOT__i_vectors__DOT__working_q[reg - isa::kFpFile]);
  }
  uint64_t special(isa::Special special) const override { return top_.rootp->core__DOT__special[static_cast<unsigned>(special)]; }
  void records(bool wanted) override { top_.records_i = wanted; }

#ifdef CHRYSALIS_RTL_COVERAGE  // then it has neither waves nor states
  bool waves(const std::string&) override { return false; }
  void write_coverage(const std::string& file) override { context_.coveragep()->write(file.c_str()); }
  std::vector<uint8_t> save() override { hw::check(false, "a model with coverage cannot be saved"); return {}; }
  void restore(const std::vector<uint8_t>&) override { hw::check(false, "a model with coverage cannot be restored"); }
#else
#ifdef CHRYSALIS_RTL_WITHOUT_WAVES
  bool waves(const std::string& file) override { return file.empty(); }
#else
  bool waves(const std::string& file) override {
    if (waves_) waves_->close();
    waves_.reset();
    if (file.empty()) return true;
    waves_ = std::make_unique<VerilatedFstC>();
    top_.trace(waves_.get(), kAllLevels);
    waves_->open(file.c_str());
    if (waves_->isOpen()) return true;
    waves_.reset();
    return false;
  }
#endif
  void write_coverage(const std::string&) override { hw::check(false, "coverage is asked of models that have it"); }
  std::vector<uint8_t> save() override {
    std::vector<uint8_t> bytes;
    {
      SaveToBytes out(bytes);
      out << top_;
    }
    return bytes;
  }
  void restore(const std::vector<uint8_t>& state) override {
    RestoreFromBytes in(state);
    in >> top_;
    read_outputs();
  }
#endif

 private:
  void edge() {
    top_.clk_i = 0;
    top_.eval();
    dump(outputs_.cycle * kTicks + kTicks / 2);
    top_.clk_i = 1;
    top_.eval();
    dump((outputs_.cycle + 1) * kTicks);
  }
#if defined(CHRYSALIS_RTL_COVERAGE) || defined(CHRYSALIS_RTL_WITHOUT_WAVES)
  void dump(uint64_t) {}
#else
  void dump(uint64_t time) {
    if (waves_) waves_->dump(time);
  }
#endif
  static isa::V128 vector(const VlWide<4>& value) {
    return {value[0] | uint64_t{value[1]} << 32, value[2] | uint64_t{value[3]} << 32};
  }
  void read_outputs() {
    outputs_.cycle = top_.cycle_o;
    outputs_.pc = top_.pc_o;
    outputs_.end = top_.end_o;
    outputs_.rollback = top_.rollback_o;
    outputs_.gcount = top_.gcount_o;
    outputs_.committed = top_.committed_o;
    outputs_.gated = top_.gated_o;
    outputs_.cause = top_.cause_o;
    outputs_.charge = top_.charge_o;
    outputs_.count = top_.count_o;
    outputs_.ready = top_.ready_o;
    outputs_.issue = top_.issue_o;
    outputs_.event = top_.event_o;
    outputs_.redirecting = top_.redirecting_o;
    outputs_.commit = top_.commit_o;
  }

  static constexpr int kAllLevels = 99;
  static constexpr uint64_t kTicks = 10;  ///< of the waves' time in a cycle: cycle N begins at 10 N

#if defined(CHRYSALIS_RTL_COVERAGE) || defined(CHRYSALIS_RTL_WITHOUT_WAVES)
  VerilatedContext context_;
  Top top_;
#else
  /// Before the model, since it is asked when that is made.
  struct Context : VerilatedContext {
    Context() { traceEverOn(true); }
  };
  Context context_;
  Top top_;
  std::unique_ptr<VerilatedFstC> waves_;  ///< closed before the model goes
#endif
  Outputs outputs_;
};

}  // namespace chrysalis::rtl
