// The SystemC modules, each bound to a stimulus: what the sockets answer, and when.
#include <cstring>
#include <gtest/gtest.h>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>

#include "hw/device_bus.h"
#include "hw/interrupt_controller.h"
#include "hw/l2_cache.h"
#include "hw/memory.h"
#include "hw/scratch_device.h"
#include "hw/timer.h"

namespace chrysalis::hw {
namespace {

struct Stimulus : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Stimulus> instruction, data, devices;
  sc_core::sc_in<uint32_t> raised;
  explicit Stimulus(sc_core::sc_module_name name)
      : sc_module(name), instruction("instruction"), data("data"), devices("devices"), raised("raised") {}
};

/// SystemC elaborates once, so the tests share the bench and configure it anew.
struct Bench {
  Clock clock{sc_core::sc_time(1, sc_core::SC_NS)};
  Stimulus stimulus{"stimulus"};
  L2Cache l2{"l2", clock};
  Memory memory{"memory", clock};
  DeviceBus bus{"bus", 2};
  Timer timer{"timer", clock};
  ScratchDevice scratch{"scratch", clock};
  InterruptController interrupts{"interrupts"};
  sc_core::sc_signal<bool> none{"none"}, timer_line{"timer_line"}, scratch_line{"scratch_line"};
  sc_core::sc_signal<uint32_t> raised{"raised_lines"};
  isa::PhysicalMemory contents{1 << 16, 1 << 20, 1 << 16};

  Bench() {
    stimulus.instruction.bind(l2.instruction_socket);
    stimulus.data.bind(l2.data_socket);
    stimulus.devices.bind(bus.socket);
    stimulus.raised.bind(raised);
    l2.memory_socket.bind(memory.socket);
    bus.attach(0x1000, Timer::kSize, timer.socket);
    bus.attach(0x2000, ScratchDevice::kSize, scratch.socket);
    timer.line.bind(timer_line);
    scratch.line.bind(scratch_line);
    interrupts.lines[0].bind(none);
    interrupts.lines[1].bind(timer_line);
    interrupts.lines[2].bind(scratch_line);
    interrupts.raised.bind(raised);
  }
  static Bench& fresh() {
    static Bench* const bench = new Bench;
    bench->clock.reset();
    bench->l2.configure({1024, 2, 128}, {10, 2});  // 4 sets
    bench->memory.configure(bench->contents, {50, 8});
    bench->timer.reset();
    bench->scratch.reset();
    bench->settle();
    return *bench;
  }
  void settle() {
    do sc_core::sc_start(sc_core::SC_ZERO_TIME);
    while (sc_core::sc_pending_activity_at_current_time());
  }
  void pass(Cycle cycles) { sc_core::sc_start(clock.time(cycles)); }

  struct Answer {
    Cycle cycle;
    Level level;
  };
  Answer line(bool instruction, LineRequest::Kind kind, uint64_t address, Cycle received, uint32_t bytes = 32) {
    LinePayload payload;
    tlm::tlm_generic_payload& request = payload.prepare(kind, address, bytes, instruction);
    sc_core::sc_time delay = clock.until(received);
    (instruction ? stimulus.instruction : stimulus.data)->b_transport(request, delay);
    EXPECT_TRUE(request.is_response_ok());
    return {clock.arrival(delay), payload.request().served_by};
  }
  Answer fill(uint64_t address, Cycle received, bool instruction = false) {
    return line(instruction, LineRequest::Kind::Fill, address, received);
  }
  tlm::tlm_response_status access(bool write, uint64_t address, void* bytes, unsigned size, Cycle* took = nullptr) {
    tlm::tlm_generic_payload payload;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(address);
    payload.set_data_ptr(static_cast<unsigned char*>(bytes));
    payload.set_data_length(size);
    payload.set_streaming_width(size);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    stimulus.devices->b_transport(payload, delay);
    if (took != nullptr) *took = clock.arrival(delay) - clock.now();
    return payload.get_response_status();
  }
};

TEST(L2CacheModule, MissThenHit) {
  Bench& bench = Bench::fresh();
  const Bench::Answer miss = bench.fill(0x100, 5);
  EXPECT_EQ(miss.cycle, 5u + 10 + 50);
  EXPECT_EQ(miss.level, Level::Memory);
  const Bench::Answer hit = bench.fill(0x160, 100);  // the other half of the line
  EXPECT_EQ(hit.cycle, 110u);
  EXPECT_EQ(hit.level, Level::L2);
  EXPECT_EQ(bench.l2.statistics().data_hits, 1u);
  EXPECT_EQ(bench.l2.statistics().data_misses, 1u);
}

TEST(L2CacheModule, BothSidesShareTheEntry) {
  Bench& bench = Bench::fresh();
  bench.fill(0x100, 0);
  bench.fill(0x200, 0);
  EXPECT_EQ(bench.fill(0x100, 200, true).cycle, 210u);
  EXPECT_EQ(bench.fill(0x200, 200).cycle, 212u);  // two cycles behind
  EXPECT_EQ(bench.fill(0x200, 204).cycle, 214u);  // on time
}

TEST(L2CacheModule, MemoryChannelIsTakenByTheVictim) {
  Bench& bench = Bench::fresh();
  bench.fill(0x000, 0);
  EXPECT_EQ(bench.line(false, LineRequest::Kind::WriteBack, 0x020, 100).cycle, 100u);
  bench.fill(0x200, 200);
  bench.fill(0x400, 300);  // evicts 0x000, dirty: memory takes it after the request, in 318
  EXPECT_EQ(bench.l2.statistics().write_backs_out, 1u);
  EXPECT_EQ(bench.memory.statistics().lines_written, 1u);
  // Received by memory in 311; request 310 to 318, victim 318 to 326, then this one.
  EXPECT_EQ(bench.fill(0x600, 302).cycle, 326u + 50);
}

TEST(L2CacheModule, WriteBackOfALineThatIsGoneGoesToMemory) {
  Bench& bench = Bench::fresh();
  bench.line(false, LineRequest::Kind::WriteBack, 0x840, 0);
  EXPECT_EQ(bench.memory.statistics().lines_written, 1u);
  EXPECT_EQ(bench.fill(0x840, 100).level, Level::Memory);  // it was not entered
}

TEST(L2CacheModule, RefusesWhatIsNoLine) {
  Bench& bench = Bench::fresh();
  tlm::tlm_generic_payload payload;
  unsigned char byte = 0;
  payload.set_command(tlm::TLM_READ_COMMAND);
  payload.set_data_ptr(&byte);
  payload.set_data_length(1);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  bench.stimulus.data->b_transport(payload, delay);
  EXPECT_TRUE(payload.is_response_error());
}

TEST(MemoryModule, DebugAccessReachesTheBytes) {
  Bench& bench = Bench::fresh();
  uint32_t value = 0x12345678, read = 0;
  tlm::tlm_generic_payload payload;
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  payload.set_address(0x40);
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  payload.set_data_length(4);
  EXPECT_EQ(bench.stimulus.data->transport_dbg(payload), 4u);
  payload.set_command(tlm::TLM_READ_COMMAND);
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&read));
  EXPECT_EQ(bench.stimulus.data->transport_dbg(payload), 4u);
  EXPECT_EQ(read, value);
  EXPECT_EQ(std::memcmp(bench.contents.ram(0x40, 4), &value, 4), 0);
  payload.set_address(0x80000);  // neither guest RAM nor concealed
  EXPECT_EQ(bench.stimulus.data->transport_dbg(payload), 0u);
}

TEST(DeviceBusModule, RefusesWhatNoDeviceHolds) {
  Bench& bench = Bench::fresh();
  uint64_t value = 0;
  EXPECT_EQ(bench.access(false, 0x2000, &value, 8), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(bench.access(false, 0x3000, &value, 8), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(bench.access(false, 0x0ffc, &value, 8), tlm::TLM_ADDRESS_ERROR_RESPONSE);  // begins before the timer
  EXPECT_EQ(bench.access(false, 0x2004, &value, 8), tlm::TLM_ADDRESS_ERROR_RESPONSE);  // across two registers
}

TEST(ScratchDeviceModule, CountsAndDelays) {
  Bench& bench = Bench::fresh();
  uint64_t value = 7, count = 0, delay = 9;
  Cycle took = 0;
  bench.access(true, 0x2018, &delay, 8);
  bench.access(true, 0x2000, &value, 8, &took);
  EXPECT_EQ(took, 9u);
  value = 0;
  bench.access(false, 0x2000, &value, 4);
  EXPECT_EQ(value, 7u);
  bench.access(false, 0x2008, &count, 8, &took);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(took, 0u);
}

TEST(TimerModule, RaisesItsLineInItsCycle) {
  Bench& bench = Bench::fresh();
  uint64_t compare = 30;
  bench.access(true, 0x1000, &compare, 8);
  bench.settle();
  bench.pass(29);
  EXPECT_EQ(bench.raised.read(), 0u);
  bench.pass(1);
  bench.settle();
  EXPECT_EQ(bench.raised.read(), 2u);
  compare = 0;
  bench.access(true, 0x1000, &compare, 8);
  bench.settle();
  EXPECT_EQ(bench.raised.read(), 0u);
  compare = 10;  // in the past: at once
  bench.access(true, 0x1000, &compare, 8);
  bench.settle();
  EXPECT_EQ(bench.raised.read(), 2u);
}

TEST(InterruptControllerModule, GathersTheLines) {
  Bench& bench = Bench::fresh();
  uint64_t on = 1, compare = 1;
  bench.pass(5);
  bench.access(true, 0x2020, &on, 8);
  bench.settle();
  EXPECT_EQ(bench.raised.read(), 4u);
  bench.access(true, 0x1000, &compare, 8);
  bench.settle();
  EXPECT_EQ(bench.raised.read(), 6u);
}

}  // namespace
}  // namespace chrysalis::hw
