#include "sim/cosim/replica.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "sim/cosim/record_text.h"
#include "sim/engine.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

enum class Message : uint8_t { Record, Page, Service };

constexpr std::size_t kFlushBytes = 1 << 16;
constexpr uint64_t kSnapshotRecords = 1 << 15;  ///< from one snapshot to the next
constexpr uint64_t kWaveRecords = 2'000;        ///< that the waves show before a difference
constexpr int kPatience = 60'000;  ///< milliseconds in which the RTL has to compare a record, or it hangs

template <std::size_t kSize> void copy_text(char (&to)[kSize], const std::string& text) {
  const std::size_t size = std::min(kSize - 1, text.size());
  std::memcpy(to, text.data(), size);
  to[size] = 0;
}

}  // namespace

/// Written by the RTL's process, read by the leader's.
struct Replica::Shared {
  std::atomic<uint64_t> compared;  ///< records
  std::atomic<bool> differs;
  uint64_t record, cycle, address, guest_pc, instructions;
  char field[128], leader[512], follower[512];
  char record_lines[1 << 16], host_code[1 << 14], waves[512];
};

// -- the RTL's process ------------------------------------------------------------------------------------------------

// For waves it leaves copies of itself behind, asleep. At a difference the older copy gets the messages since, goes the same way
// again, and writes the last part of it.
class Replica::Process final : hw::Observer {
 public:
  Process(Engine& engine, int socket, Shared& shared, std::string waves)
      : engine_(engine), socket_(socket), shared_(shared), waves_(std::move(waves)) {}

  [[noreturn]] void run(const Options& options) {
    engine_.use_rtl(options.machine);
    engine_.observe(this);
    const Engine::ServiceHandler serve = [this](fw::Service, uint64_t) { return service(); };
    const std::atomic<bool> never = false;
    engine_.run({}, serve, never);
    ::_exit(0);
  }

 private:
  bool wants_records() const override { return true; }

  void observe(const hw::Observation& own) override {
    if (!waves_.empty() && !woken_ && records_ % kSnapshotRecords == 0) snapshot();
    if (woken_ && !waves_begun_ && records_ + kWaveRecords >= woken_for_) begin_waves(own.done);
    Message message{};
    if (!receive(message)) ::_exit(0);  // the leader has stopped here
    if (message != Message::Record) differ(own, {"platform service", "called", "not called"}, nullptr);
    receive_record();
    recent_[kept_++ % kRecent].keep(own);
    if (const auto found = hw::first_difference(expected_.view(), own)) differ(own, *found, &expected_);
    if (own.record->committed) {
      guest_pc_ = own.record->commit.guest_pc;
      instructions_ = own.record->commit.total_instructions;
    }
    ++records_;
    if (!woken_) shared_.compared.store(records_, std::memory_order_relaxed);
  }

  /// The platform service of the molecule under way: memory becomes what it is after the leader's.
  bool service() {
    for (;;) {
      Message message{};
      if (!receive(message)) ::_exit(0);
      switch (message) {
        case Message::Record: {
          receive_record();
          differ(expected_.observation, {"platform service", "not called", "called"}, &expected_);
        }
        case Message::Page: {
          uint64_t address = 0;
          receive(&address, sizeof address);
          receive(engine_.physical_memory()->ram(address, isa::kPageSize), isa::kPageSize);
          break;
        }
        case Message::Service: {
          bool stop = false;
          receive(&stop, sizeof stop);
          return !stop;
        }
      }
    }
  }

  [[noreturn]] void differ(const hw::Observation& where, const hw::FieldDifference& what, hw::KeptRecord* expected) {
    if (woken_) end_waves(where.done);
    shared_.record = records_;
    shared_.cycle = where.issued;
    shared_.address = where.address;
    shared_.guest_pc = guest_pc_;
    shared_.instructions = instructions_;
    copy_text(shared_.field, what.field);
    copy_text(shared_.leader, what.leader);
    copy_text(shared_.follower, what.follower);
    std::string lines, code;
    for (uint64_t n = kept_ > kRecent ? kept_ - kRecent : 0; n < kept_; ++n) {
      const hw::KeptRecord& kept = recent_[n % kRecent];
      lines += line_of(kept.observation, kept.record) + "\n";
      if (n + kCode < kept_) continue;
      code += fmt::format("{} {:>10}  {:#x}  {}\n", n + 1 == kept_ ? ">" : " ", kept.observation.issued, kept.observation.address,
                          sim::host_code(*engine_.physical_memory(), kept.observation.address));
    }
    if (expected != nullptr) lines += "# the last of them on the SystemC core:\n" + line_of(expected->observation, expected->record) + "\n";
    copy_text(shared_.record_lines, lines);
    copy_text(shared_.host_code, code);
    wake_snapshot();
    shared_.differs = true;
    ::_exit(0);
  }

  // -- waves --------------------------------------------------------------------------------------------------------
  struct Snapshot {
    pid_t process;
    int socket;
    std::vector<uint8_t> messages;  ///< what has come since it was made
  };

  void snapshot() {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return;
    const pid_t owner = ::getpid(), process = ::fork();
    if (process == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != owner) ::_exit(0);
      ::close(sockets[0]);
      ::close(socket_);
      for (const Snapshot& other : snapshots_) ::close(other.socket);
      snapshots_.clear();
      socket_ = sockets[1];
      if (::recv(socket_, &woken_for_, sizeof woken_for_, MSG_WAITALL) != sizeof woken_for_) ::_exit(0);  // not needed
      woken_ = true;
      return;
    }
    ::close(sockets[1]);
    if (process < 0) {
      ::close(sockets[0]);
      return;
    }
    snapshots_.push_back({process, sockets[0], {}});
    if (snapshots_.size() <= 2) return;
    ::close(snapshots_.front().socket);
    ::waitpid(snapshots_.front().process, nullptr, 0);
    snapshots_.pop_front();
  }

  /// It differs in record `records_`: has the waves written, before the leader is told.
  void wake_snapshot() {
    if (snapshots_.empty()) return;
    const Snapshot& snapshot = snapshots_.front();
    const auto send_all = [&snapshot](const void* bytes, std::size_t size) {
      for (const auto* at = static_cast<const uint8_t*>(bytes); size != 0;) {
        const ssize_t sent = ::send(snapshot.socket, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;
        at += sent;
        size -= static_cast<std::size_t>(sent);
      }
    };
    send_all(&records_, sizeof records_);
    send_all(snapshot.messages.data(), snapshot.messages.size());
    ::shutdown(snapshot.socket, SHUT_WR);
    ::waitpid(snapshot.process, nullptr, 0);
  }

  void begin_waves(uint64_t cycle) {
    waves_begun_ = true;
    waves_from_ = cycle;
    if (engine_.waves(waves_)) return;
    copy_text(shared_.waves, fmt::format("{} cannot be written", waves_));
    ::_exit(0);
  }
  [[noreturn]] void end_waves(uint64_t cycle) {
    engine_.waves("");
    copy_text(shared_.waves, fmt::format("{}, the RTL core's cycles {} to {}; cycle N begins at time 10 N", waves_, waves_from_, cycle));
    ::_exit(0);
  }

  // -- the leader's messages ----------------------------------------------------------------------------------------
  bool receive(Message& message) { return receive(&message, sizeof message); }

  /// Into expected_, whose memory serves all of them.
  void receive_record() {
    hw::KeptRecord& kept = expected_;
    hw::RetireRecord& record = kept.record;
    receive(&kept.observation, sizeof kept.observation);
    kept.observation.record = nullptr;
    receive(&record.event_address, sizeof record.event_address);
    receive(&record.event_info, sizeof record.event_info);
    receive(&record.write_count, sizeof record.write_count);
    receive(&record.access_count, sizeof record.access_count);
    receive(&record.committed, sizeof record.committed);
    receive(record.writes, record.write_count * sizeof record.writes[0]);
    receive(record.accesses, record.access_count * sizeof record.accesses[0]);
    if (record.committed) {
      receive(&record.commit, sizeof record.commit);
      kept.released.resize(record.commit.store_count);
      receive(kept.released.data(), kept.released.size() * sizeof kept.released[0]);
    }
  }

  /// False: the leader sends nothing more.
  bool receive(void* to, std::size_t size) {
    auto* bytes = static_cast<uint8_t*>(to);
    while (size != 0) {
      if (at_ == filled_) {
        const ssize_t got = ::recv(socket_, buffer_, sizeof buffer_, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
        for (Snapshot& snapshot : snapshots_) snapshot.messages.insert(snapshot.messages.end(), buffer_, buffer_ + filled_);
      }
      const std::size_t part = std::min(size, filled_ - at_);
      std::memcpy(bytes, buffer_ + at_, part);
      bytes += part;
      at_ += part;
      size -= part;
    }
    return true;
  }

  static constexpr std::size_t kRecent = 64, kCode = 12;
  Engine& engine_;
  int socket_;
  Shared& shared_;
  std::string waves_;                  ///< file; empty: none
  std::deque<Snapshot> snapshots_;     ///< older first
  bool woken_ = false, waves_begun_ = false;
  uint64_t woken_for_ = 0;             ///< record that differs
  uint64_t waves_from_ = 0;            ///< cycle
  hw::KeptRecord expected_;            ///< what the leader has sent last
  std::vector<hw::KeptRecord> recent_ = std::vector<hw::KeptRecord>(kRecent);  ///< a ring
  uint64_t kept_ = 0;                  ///< all that ever were in it
  uint64_t records_ = 0, guest_pc_ = 0, instructions_ = 0;
  std::size_t at_ = 0, filled_ = 0;
  uint8_t buffer_[1 << 16];
};

// -- the leader's process ----------------------------------------------------------------------------------------------

Replica::Replica(Engine& engine, const Options& options) {
  engine.check_rtl(options.machine);
  void* const shared = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int sockets[2];
  if (shared == MAP_FAILED || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    throw UserError(fmt::format("the RTL core's process cannot be started: {}", std::strerror(errno)));
  shared_ = new (shared) Shared{};
  const pid_t leader = ::getpid();
  process_ = ::fork();
  if (process_ < 0) throw UserError(fmt::format("the RTL core's process cannot be started: {}", std::strerror(errno)));
  if (process_ == 0) {
    // It ends with the leader, however that ends, and leaves the terminal's Ctrl-C to it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != leader) ::_exit(0);
    ::signal(SIGINT, SIG_IGN);
    ::close(sockets[0]);
    auto process = std::make_unique<Process>(engine, sockets[1], *shared_, options.waves);
    try {
      process->run(options);
    } catch (const std::exception& error) {
      fmt::print(stderr, "chrysalis: the RTL core's process: {}\n", error.what());
      ::_exit(kExitInternal);
    }
  }
  ::close(sockets[1]);
  socket_ = sockets[0];
}

Replica::~Replica() {
  if (!finished_) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (socket_ >= 0) ::close(socket_);
  ::munmap(shared_, sizeof(Shared));
}

bool Replica::differs() const { return broken_ || shared_->differs.load(std::memory_order_relaxed); }
uint64_t Replica::records() const { return shared_->compared; }
uint64_t Replica::instructions() const { return shared_->instructions; }
std::string Replica::record_lines() const { return shared_->record_lines; }
std::string Replica::host_code() const { return shared_->host_code; }
std::string Replica::waves() const { return shared_->waves; }

void Replica::page(uint64_t address, const uint8_t* bytes) {
  const Message message = Message::Page;
  send(&message, sizeof message);
  send(&address, sizeof address);
  send(bytes, isa::kPageSize);
}

void Replica::service(bool stop) {
  const Message message = Message::Service;
  send(&message, sizeof message);
  send(&stop, sizeof stop);
}

void Replica::record(const hw::Observation& observation) {
  const Message message = Message::Record;
  const hw::RetireRecord& record = *observation.record;
  send(&message, sizeof message);
  send(&observation, sizeof observation);
  send(&record.event_address, sizeof record.event_address);
  send(&record.event_info, sizeof record.event_info);
  send(&record.write_count, sizeof record.write_count);
  send(&record.access_count, sizeof record.access_count);
  send(&record.committed, sizeof record.committed);
  send(record.writes, record.write_count * sizeof record.writes[0]);
  send(record.accesses, record.access_count * sizeof record.accesses[0]);
  if (record.committed) {
    send(&record.commit, sizeof record.commit);
    send(record.commit.stores, record.commit.store_count * sizeof record.commit.stores[0]);
  }
}

void Replica::send(const void* bytes, std::size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  buffer_.insert(buffer_.end(), from, from + size);
  if (buffer_.size() >= kFlushBytes) flush();
}

/// Whether it has compared anything since it was last asked.
bool Replica::made_progress() {
  const uint64_t compared = shared_->compared;
  return std::exchange(seen_, compared) != compared;
}

void Replica::give_up(const char* what) {
  broken_ = true;
  difference_ = hw::Difference{shared_->compared, 0, 0, shared_->guest_pc, what, "goes on", "does not"};
}

void Replica::flush() {
  std::size_t at = 0;
  while (at < buffer_.size() && !broken_) {
    const ssize_t sent = ::send(socket_, buffer_.data() + at, buffer_.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      at += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd ready{socket_, POLLOUT, 0};
      if (::poll(&ready, 1, kPatience) == 0 && !made_progress()) give_up("progress of the RTL core");
    } else if (errno != EINTR) {
      broken_ = true;  // it has found a difference and is gone; finish() says what it was
    }
  }
  buffer_.clear();
}

void Replica::finish() {
  if (finished_) return;
  flush();
  ::shutdown(socket_, SHUT_WR);
  if (difference_) ::kill(process_, SIGKILL);  // it hangs
  int status = 0;
  for (int waited = 0; ::waitpid(process_, &status, WNOHANG) == 0; waited += 10) {
    ::usleep(10'000);
    if (waited < kPatience) continue;
    waited = 0;
    if (made_progress()) continue;
    if (!difference_) give_up("progress of the RTL core");
    ::kill(process_, SIGKILL);
  }
  finished_ = true;
  const Shared& s = *shared_;
  if (s.differs) {
    difference_ = hw::Difference{s.record, s.cycle, s.address, s.guest_pc, s.field, s.leader, s.follower};
  } else if (!difference_ && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
    give_up(WIFSIGNALED(status) ? "life of the RTL core's process (it died of a signal)" : "life of the RTL core's process");
  }
}

}  // namespace chrysalis::sim
