// One set of a cache with least-recently-used replacement: its type and what happens to it. Included in a module that
// defines Ways and TagWidth. Rank 0 is the way used last; the ranks of a set are a permutation once reset.
localparam int unsigned RankWidth = Ways > 1 ? $clog2(Ways) : 1;

typedef struct packed {
  logic [Ways-1:0]                valid, dirty;
  logic [Ways-1:0][TagWidth-1:0]  tag;
  logic [Ways-1:0][RankWidth-1:0] rank;
} set_t;

function automatic set_t empty_set();
  set_t s;
  s = '0;
  `ROLLED(w, Ways) s.rank[w] = RankWidth'(w);
  return s;
endfunction

// The way that holds `tag`, a bit each; 0: none.
function automatic logic [Ways-1:0] ways_with(input set_t s, input logic [TagWidth-1:0] tag);
  logic [Ways-1:0] match;
  match = '0;
  `ROLLED(w, Ways) match[w] = s.valid[w] && s.tag[w] == tag;
  return match;
endfunction

// Makes a way the last used.
function automatic set_t touched(input set_t s, input logic [Ways-1:0] way);
  set_t n;
  logic [RankWidth-1:0] rank;
  n    = s;
  rank = '0;
  `ROLLED(w, Ways) if (way[w]) rank = s.rank[w];
  if (rank != '0) begin
    `ROLLED(w, Ways) begin
      if (way[w]) n.rank[w] = '0;
      else if (s.rank[w] < rank) n.rank[w] = s.rank[w] + 1'b1;
    end
  end
  return n;
endfunction

// The way that a new line takes: the first that holds nothing, else the one used longest ago.
function automatic logic [Ways-1:0] victim_way(input set_t s);
  logic [Ways-1:0] way;
  logic found;
  way   = '0;
  found = 1'b0;
  `ROLLED(w, Ways) begin
    if (!found && !s.valid[w]) begin
      way[w] = 1'b1;
      found  = 1'b1;
    end
  end
  `ROLLED(w, Ways) if (!found && s.rank[w] == RankWidth'(Ways - 1)) way[w] = 1'b1;
  return way;
endfunction

// Enters `tag` in a way, as last used.
function automatic set_t entered(input set_t s, input logic [Ways-1:0] way, input logic [TagWidth-1:0] tag, input logic dirty);
  set_t n;
  n = touched(s, way);
  `ROLLED(w, Ways) begin
    if (way[w]) begin
      n.valid[w] = 1'b1;
      n.dirty[w] = dirty;
      n.tag[w]   = tag;
    end
  end
  return n;
endfunction
