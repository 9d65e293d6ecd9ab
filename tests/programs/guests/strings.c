// String and memory functions of the C library at many alignments and sizes.
#include <stdlib.h>
#include <strings.h>

#include "guest.h"

static unsigned char a[600], b[600];  // copied, moved, searched

static void refill(uint32_t seed) {
  for (unsigned i = 0; i < sizeof a; ++i) a[i] = b[i] = 'a' + (next_random(&seed) >> 7) % 23;
}

int main(void) {
  uint64_t hash = FOLD_START;
  for (unsigned size = 0; size < 70; size += size < 9 ? 1 : 9)
    for (unsigned at = 0; at < 8; at += 1 + size % 4) {
      if (at == 0) refill(size + 1);
      memcpy(b + at, a + 100 + (size & 3), size);
      memmove(b + 200, b + 200 + at, size);
      memmove(b + 300 + at, b + 300, size);
      memset(b + 400 + at, (int)size, size);
      hash = fold(hash, b + at, size);
      hash = fold(hash, b + 200, 20);
      hash = fold(hash, b + 296, 20);
      hash = fold(hash, b + 398 + size, 12);
      a[500 + at + size] = b[500 + at + size] = 0;
      const char *text = (const char *)a + 500 + at;
      const int results[] = {
          (int)strlen(text), memcmp(a + at, b + at, size) < 0, strcmp(text, (char *)b + 500 + at),
          strncmp(text, (char *)b + 500, size) > 0, memchr(a + at, 'q', size) != NULL, strchr(text, 'e') != NULL,
          strrchr(text, 'e') != NULL, (int)strspn(text, "abcdefghijklm"), (int)strcspn(text, "xyz")};
      hash = fold(hash, results, sizeof results);
    }
  printf("%016llx\n", (unsigned long long)hash);

  char buffer[200] = "one, two;three  four";
  char *rest;
  for (char *word = strtok_r(buffer, ", ;", &rest); word != NULL; word = strtok_r(NULL, ", ;", &rest)) printf("[%s]", word);
  strcpy(buffer, "prefix");
  strcat(buffer, "-suffix");
  strncat(buffer, "12345", 3);
  strncpy(buffer + 50, "padded", 10);
  printf(" %s %s %d %d\n", buffer, strstr("haystack with needle inside", "needle"), strcasecmp("HeLLo", "hEllO"),
         strncasecmp("abcX", "ABCy", 3));
  char *copy = strdup("duplicate");
  printf("%s %s %d %s\n", copy, strpbrk(copy, "lp"), atoi(" -123x"), strerror(2));
  free(copy);
  printf("%ld %lu %lld %llu\n", strtol("-0x7fff", NULL, 16), strtoul("4294967295", NULL, 10), strtoll("-9223372036854775808", NULL, 10),
         strtoull("777", NULL, 8));
  return 0;
}
