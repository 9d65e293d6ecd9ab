// Whether a condition holds for a flags image, which has the bits of EFLAGS: docs/host-isa.md, "Encoding". The lowest bit negates.
// Part of the modules that evaluate conditions.
function automatic logic holds(input logic [3:0] condition, input logic [63:0] flags);
  logic met;
  unique case (condition[3:1])
    3'd0: met = flags[11];                              // OF
    3'd1: met = flags[0];                               // CF
    3'd2: met = flags[6];                               // ZF
    3'd3: met = flags[0] | flags[6];
    3'd4: met = flags[7];                               // SF
    3'd5: met = flags[2];                               // PF
    3'd6: met = flags[7] ^ flags[11];
    3'd7: met = flags[6] | (flags[7] ^ flags[11]);
  endcase
  return met ^ condition[0];
endfunction
