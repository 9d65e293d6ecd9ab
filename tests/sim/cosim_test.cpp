// Co-simulation of whole runs: no difference through all gears on all machines, and a follower that is disturbed is found
// out in the very record.
#include <gtest/gtest.h>

#include "sim/cosim/cosim.h"
#include "sim/run.h"

namespace chrysalis::sim {
namespace {

RunRequest kernel(const std::string& name, const std::string& machine) {
  RunRequest request;
  request.machine = machine;
  request.program = std::string(CHRYSALIS_KERNELS) + "/" + name;
  request.arguments = {"1"};
  request.quiet = true;
  for (const char* setting : {"firmware.max_gear=3", "firmware.gear2_threshold=50", "firmware.gear3_threshold=10", "firmware.sample_period=5000",
                              "guest.ram=64"})
    apply_assignment(request.settings, setting);
  request.limits.cycles = 5'000'000;
  return request;
}

class CosimMachines : public testing::TestWithParam<const char*> {};

TEST_P(CosimMachines, FirmwareAndTranslationsAgree) {
  RunRequest request = kernel("quicksort-O2", GetParam());
  Cosim cosim;
  request.observers.push_back(&cosim);
  std::string report;
  request.at_end = [&](const RunResult&) { report = cosim.report(); };
  const RunResult result = run_program(request);
  EXPECT_EQ(result.reason, StopReason::Cycles) << result.message;
  EXPECT_EQ(report, "");
  EXPECT_GT(cosim.records(), 1'000'000u);
  EXPECT_GT(cosim.commits(), 1'000u);
}

INSTANTIATE_TEST_SUITE_P(Cosim, CosimMachines, testing::Values("crusoe", "efficeon", "denver"),
                         [](const auto& info) { return std::string(info.param); });

/// What the report says when `disturb` spoils the follower from record `from` on.
std::string report_of(uint64_t from, const std::function<void(hw::Follower&)>& disturb, hw::Difference& difference) {
  RunRequest request = kernel("quicksort-O2", "crusoe");
  Cosim cosim;
  bool done = false;
  cosim.disturb = [&](hw::Follower& follower) {
    if (done || follower.records() < from) return;
    done = true;
    disturb(follower);
  };
  request.observers.push_back(&cosim);
  std::string report;
  request.at_end = [&](const RunResult&) { report = cosim.report(); };
  EXPECT_EQ(run_program(request).reason, StopReason::Stopped);
  EXPECT_TRUE(cosim.difference());
  if (cosim.difference()) difference = *cosim.difference();
  return report;
}

TEST(Cosim, ASpoiledRegisterIsNamed) {
  hw::Difference difference;
  // All registers of the firmware: the next molecule that computes with one shows it.
  const std::string report = report_of(200'000, [](hw::Follower& follower) {
    for (unsigned r = 32; r < 63; ++r) follower.executor().core().r[r] ^= 0x40;
  }, difference);
  EXPECT_GE(difference.record, 200'000u);
  EXPECT_LT(difference.record, 200'020u);
  EXPECT_NE(report.find(difference.field), std::string::npos) << report;
  EXPECT_NE(report.find(difference.leader), std::string::npos) << report;
  EXPECT_NE(report.find(difference.follower), std::string::npos) << report;
  EXPECT_NE(report.find("Host code, the last molecules:"), std::string::npos);
  EXPECT_NE(report.find("\n> "), std::string::npos) << report;
}

TEST(Cosim, ALostGatedStoreIsNamed) {
  bool dropped = false;
  RunRequest request = kernel("quicksort-O2", "crusoe");
  apply_assignment(request.settings, "firmware.max_gear=0");  // the interpreter gates a store and commits it
  Cosim cosim;
  cosim.disturb = [&](hw::Follower& follower) {
    isa::FunctionalCore& core = follower.executor().core();
    if (dropped || follower.records() < 100'000 || core.stores.empty()) return;
    core.stores.drop();
    dropped = true;
  };
  request.observers.push_back(&cosim);
  run_program(request);
  ASSERT_TRUE(cosim.difference());
  EXPECT_TRUE(dropped);
  EXPECT_NE(cosim.difference()->field.find("store"), std::string::npos) << cosim.difference()->field;
}

TEST(Cosim, WhatAServiceDidNotSeeIsFound) {
  // A byte of guest memory that nobody reads: only the comparison at the next service can tell. From boot on, and later.
  for (const uint64_t from : {1, 1'000'000}) {
    SCOPED_TRACE(from);
    hw::Difference difference;
    const std::string report = report_of(from, [](hw::Follower& follower) {
      uint8_t* byte = follower.memory().ram(follower.memory().guest_size() - 1, 1);
      *byte ^= 1;
    }, difference);
    EXPECT_EQ(difference.field, "memory before the service") << report;
  }
}

// -- the x86 reference ------------------------------------------------------------------------------------------------

TEST(CosimReference, AgreesThroughAllGears) {
  RunRequest request = kernel("quicksort-O2", "crusoe");
  request.limits = {};
  Cosim cosim({{}, true});
  request.observers.push_back(&cosim);
  std::string report;
  request.at_end = [&](const RunResult& result) {
    report = cosim.report();
    EXPECT_GT(result.statistics.count("firmware.translations.gear3"), 0u);
  };
  run_program(request);
  EXPECT_EQ(report, "");
  EXPECT_GT(cosim.referenced(), 10'000u);
  EXPECT_GE(cosim.reference()->instructions(), 100'000u);
}

/// The reference is spoiled by `disturb` once it has completed `from` instructions.
Reference::Difference spoiled(uint64_t from, const char* max_gear, const std::function<void(Reference&)>& disturb, std::string& report) {
  RunRequest request = kernel("quicksort-O2", "crusoe");
  apply_assignment(request.settings, max_gear);
  Cosim cosim({{}, true});
  bool done = false;
  cosim.disturb_reference = [&](Reference& reference) {
    if (done || reference.instructions() < from) return;
    done = true;
    disturb(reference);
  };
  request.observers.push_back(&cosim);
  request.at_end = [&](const RunResult&) { report = cosim.report(); };
  EXPECT_EQ(run_program(request).reason, StopReason::Stopped);
  EXPECT_TRUE(done);
  return cosim.reference()->difference().value_or(Reference::Difference{});
}

TEST(CosimReference, AnotherRegisterIsNamedWithItsInstruction) {
  for (const char* gear : {"firmware.max_gear=0", "firmware.max_gear=3"}) {
    std::string report;
    // ESP: few instructions write it, and all that follows uses it.
    const Reference::Difference d = spoiled(1'000, gear, [](Reference& r) { r.context().slot[4] ^= 0x1000; }, report);
    EXPECT_GE(d.instructions, 1'000u);
    EXPECT_LT(d.instructions, 1'200u);
    EXPECT_NE(report.find("First x86 instruction with another result"), std::string::npos) << report;
    EXPECT_NE(d.eip, 0u);
    EXPECT_NE(report.find(d.code), std::string::npos) << report;
  }
}

}  // namespace
}  // namespace chrysalis::sim
