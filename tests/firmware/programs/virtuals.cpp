// Virtual functions, multiple and virtual inheritance, destructors.
#include <memory>
#include <vector>

#include "tests/firmware/programs/program.h"

namespace {

Checksum g_log;

struct Shape {
  virtual ~Shape() { g_log.add(1); }
  virtual uint64_t area() const = 0;
  virtual uint64_t scaled(unsigned factor) const { return area() * factor; }
};

struct Rectangle : Shape {
  Rectangle(uint32_t w, uint32_t h) : width(w), height(h) {}
  ~Rectangle() override { g_log.add(2 + width); }
  uint64_t area() const override { return uint64_t{width} * height; }
  uint32_t width, height;
};

struct Named {
  explicit Named(unsigned n) : number(n) {}
  virtual ~Named() { g_log.add(number); }
  virtual unsigned name() const { return number; }
  unsigned number;
};

struct Square final : Rectangle, Named {
  explicit Square(uint32_t side) : Rectangle(side, side), Named(side * 10) {}
  uint64_t scaled(unsigned factor) const override { return area() + factor; }
  unsigned name() const override { return number ^ 0xff; }
};

struct Root {
  int value = 5;
  virtual int get() const { return value; }
  virtual ~Root() = default;
};
struct Left : virtual Root {
  int get() const override { return value * 2; }
};
struct Right : virtual Root {
  int extra = 3;
};
struct Bottom : Left, Right {
  int get() const override { return Left::get() + extra; }
};

}  // namespace

void program() {
  {
    std::vector<std::unique_ptr<Shape>> shapes;
    std::vector<const Named*> names;
    for (uint32_t i = 1; i < 60; ++i) {
      if (i % 3 == 0) {
        auto square = std::make_unique<Square>(i);
        names.push_back(square.get());
        shapes.push_back(std::move(square));
      } else {
        shapes.push_back(std::make_unique<Rectangle>(i, i + 1));
      }
    }
    uint64_t sum = 0;
    for (const auto& shape : shapes) sum = sum * 3 + shape->area() + shape->scaled(7);
    for (const Named* named : names) sum = sum * 5 + named->name();
    report("shapes", sum);
    shapes.erase(shapes.begin() + 5, shapes.begin() + 25);
  }
  report("destroyed", g_log.value());
  const Bottom bottom;
  const Root& root = bottom;
  const Right& right = bottom;
  report("virtual base", static_cast<uint64_t>(root.get() * 100 + right.get()));
}
