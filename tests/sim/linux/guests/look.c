// Prints the first line of each file named; then what the working directory and a new file look like.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char line[200];
  for (int i = 1; i < argc; ++i) {
    FILE *file = fopen(argv[i], "r");
    printf("%s: %s", argv[i], file != NULL && fgets(line, sizeof line, file) != NULL ? line : strcat(strcpy(line, strerror(errno)), "\n"));
    if (file != NULL) fclose(file);
  }
  FILE *made = fopen("/etc/made", "w");
  if (made != NULL) fputs("made\n", made), fclose(made);
  if (chdir("/etc") == 0) printf("cwd %s\n", getcwd(line, sizeof line));
  return 0;
}
