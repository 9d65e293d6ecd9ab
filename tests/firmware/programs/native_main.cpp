#include "tests/firmware/programs/program.h"

int main() { program(); }
