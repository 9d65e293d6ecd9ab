#include "tests/oracle/oracle.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#ifndef CHRYSALIS_ORACLE_SERVER
#error "CHRYSALIS_ORACLE_SERVER names the 32-bit server program"
#endif

namespace chrysalis::oracle {

namespace {

constexpr int kPatienceMilliseconds = 20000;

}  // namespace

void fill_images(Shared& shared) {
  Random random(0x1ea5);
  for (auto& image : shared.image) {
    for (auto& page : image) {
      for (unsigned i = 0; i < kPage; i += 4) {
        uint32_t value = random.word();
        if (random.one_in(3)) value = interesting_value(random);
        else if (random.one_in(3)) value = interesting_address(random);
        std::memcpy(page + i, &value, 4);
      }
    }
  }
  // The page that guest code cannot write is the same for every image.
  for (unsigned p = 0; p < kPages; ++p) {
    if (kPageMap[p].writable) continue;
    for (auto& image : shared.image) std::memcpy(image[p], shared.image[0][p], kPage);
  }
}

uint32_t interesting_value(Random& random) {
  switch (random.below(8)) {
    case 0: return random.below(40);
    case 1: return 0u - random.below(40);
    case 2: return (1u << random.below(32)) + random.below(3) - 1;
    case 3: return 0x7fffffffu + random.below(3);
    case 4: return random.word() & 0xffff;
    case 5: return (random.word() & 0xff) * 0x01010101u;
    default: return random.word();
  }
}

uint32_t interesting_address(Random& random) {
  if (random.one_in(24)) return random.one_in(2) ? 0u - random.below(64) : random.word();
  if (random.one_in(24)) return kCode + random.below(kCodePages * kPage);
  const uint32_t page = random.one_in(16) ? kData + 3 * kPage : kPageMap[random.below(kPages)].address;
  if (random.one_in(4)) return page + (random.one_in(2) ? 0u : kPage) + random.below(24) - 12;
  return page + random.below(kPage);
}

std::unique_ptr<Oracle> Oracle::start(std::string& why_not, CodePages code_pages) {
  const int memory = memfd_create("chrysalis-oracle", 0);
  if (memory < 0 || ftruncate(memory, (sizeof(Shared) + kPage - 1) / kPage * kPage) != 0) {
    why_not = std::string("no shared memory: ") + std::strerror(errno);
    return nullptr;
  }
  void* const at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (at == MAP_FAILED) {
    why_not = std::string("no shared memory: ") + std::strerror(errno);
    close(memory);
    return nullptr;
  }
  std::unique_ptr<Oracle> oracle(new Oracle(static_cast<Shared*>(at), memory));
  fill_images(*oracle->shared_);
  oracle->shared_->writable_code = code_pages == CodePages::Writable;
  if (!oracle->spawn()) {
    why_not = "the 32-bit server " CHRYSALIS_ORACLE_SERVER " does not run here";
    return nullptr;
  }
  oracle->run(0, 0);  // the server has filled in the selectors once it answers
  if (oracle->process_ < 0 || oracle->shared_->flat_data == 0) {
    why_not = "the 32-bit server " CHRYSALIS_ORACLE_SERVER " ended during start-up";
    return nullptr;
  }
  return oracle;
}

Oracle::~Oracle() {
  stop();
  munmap(shared_, sizeof(Shared));
  close(memory_);
}

bool Oracle::has_umip() {
  std::ifstream info("/proc/cpuinfo");
  std::string word;
  while (info >> word) {
    if (word == "umip") return true;
  }
  return false;
}

bool Oracle::spawn() {
  int request[2], reply[2];
  if (pipe(request) != 0) return false;
  if (pipe(reply) != 0) {
    close(request[0]), close(request[1]);
    return false;
  }
  process_ = fork();
  if (process_ == 0) {
    dup2(request[0], 0);
    dup2(reply[1], 1);
    close(request[0]), close(request[1]), close(reply[0]), close(reply[1]);
    const std::string descriptor = std::to_string(memory_);
    execl(CHRYSALIS_ORACLE_SERVER, CHRYSALIS_ORACLE_SERVER, descriptor.c_str(), nullptr);
    _exit(127);
  }
  close(request[0]), close(reply[1]);
  request_ = request[1];
  reply_ = reply[0];
  signal(SIGPIPE, SIG_IGN);
  return process_ > 0;
}

void Oracle::stop() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    close(request_);
    close(reply_);
  }
  process_ = -1;
}

void Oracle::run(uint32_t first, uint32_t count) {
  for (;;) {
    const uint32_t range[2] = {first, count};
    shared_->current = first;
    uint32_t done = 0;
    bool answered = false, timed_out = false;
    if (process_ > 0 && write(request_, range, sizeof range) == static_cast<ssize_t>(sizeof range)) {
      pollfd wait{reply_, POLLIN, 0};
      timed_out = poll(&wait, 1, kPatienceMilliseconds) == 0;
      answered = !timed_out && read(reply_, &done, sizeof done) == static_cast<ssize_t>(sizeof done);
    }
    if (answered) return;
    stop();
    if (count == 0) return;
    const uint32_t guilty = shared_->current;
    shared_->batch[guilty].out = Outcome{};
    shared_->batch[guilty].out.signal = timed_out ? kTimedOut : kServerDied;
    count -= guilty + 1 - first;
    first = guilty + 1;
    if (!spawn()) {
      for (uint32_t i = first; i < first + count; ++i) shared_->batch[i].out.signal = kServerDied;
      return;
    }
    if (count == 0) return;
  }
}

}  // namespace chrysalis::oracle
