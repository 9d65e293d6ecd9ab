// The scoreboard: which registers and units are ready. docs/timing.md, rules O1 to O6 and X2.
//
// Results of fixed latency are in a wheel: entry c mod 256 names the registers that are ready from cycle c on. Loads that
// miss are ready when the lines that they wait for have arrived as well. Values are in the register files from
// the cycle of issue on; this unit alone keeps them from being read early.
module scoreboard
  import isa_pkg::*;
#(
  parameter int unsigned Width         = 4,
  parameter int unsigned Ports         = 1,
  parameter int unsigned MissRegisters = 4
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [63:0]  cycle_i,

  input  logic         asks_i,          // a molecule is up and fetched
  input  logic [127:0] needs_i,
  input  logic         all_i,           // and all others: a serialising molecule
  input  logic [7:0]   div_cycles_i, fp_div_cycles_i,
  output logic         ready_o,
  output logic [3:0]   charge_o,        // else: whom the cycle is charged to

  input  logic         issue_i,         // its results
  input  logic         late_i       [Width],   // an atom other than a load
  input  logic [127:0] registers_i  [Width],
  input  logic [7:0]   latency_i    [Width],
  input  logic         load_i       [Ports],
  input  logic [6:0]   load_register_i [Ports],
  input  logic [7:0]   load_latency_i  [Ports],   // of a hit
  input  logic [MissRegisters-1:0] load_misses_i [Ports],

  input  logic [MissRegisters-1:0] busy_i,        // miss registers
  input  logic [63:0]  due_i     [MissRegisters],
  input  logic [MissRegisters-1:0] from_memory_i
);
  logic [127:0] pending_q;                         // results of fixed latency
  logic [127:0] wheel_q [256];
  logic [255:0] spoked_q;                          // entries that name any register
  logic [127:0] waiting_q [MissRegisters];         // loads that wait for a line
  logic [63:0]  hit_ready_q [128];                 // when a hit would have been ready, of loads that miss
  logic [7:0]   div_q, fp_div_q;                   // cycles until the iterative units are free

  logic [127:0] missing, outstanding, blocking;
  always_comb begin
    logic [127:0] first;
    logic [6:0]   number;
    logic [63:0]  latest;
    first   = '0;
    number  = '0;
    latest  = '0;
    missing = '0;
    for (int unsigned r = 0; r < MissRegisters; r++) if (busy_i[r]) missing = missing | waiting_q[r];
    outstanding = pending_q | missing;
    blocking    = outstanding & needs_i;
    if (all_i && blocking == '0) blocking = outstanding;
    ready_o     = 1'b1;
    charge_o    = 4'(ChargeIssue);
    if (asks_i) begin
      if (blocking != '0) begin
        first    = blocking & ~(blocking - 128'd1);
        ready_o  = 1'b0;
        charge_o = 4'(ChargeOperand);
        for (int unsigned r = 0; r < 128; r++) if (first[r]) number = 7'(r);
        latest   = hit_ready_q[number];
        for (int unsigned r = 0; r < MissRegisters; r++) begin
          if (busy_i[r] && waiting_q[r][number] && due_i[r] > latest) begin
            latest   = due_i[r];
            charge_o = from_memory_i[r] ? 4'(ChargeDataMemory) : 4'(ChargeDataL2);
          end
        end
      end else if ((div_cycles_i != '0 && div_q != '0) || (fp_div_cycles_i != '0 && fp_div_q != '0)) begin
        ready_o  = 1'b0;
        charge_o = 4'(ChargeUnit);
      end
    end
  end

  // -- new results --------------------------------------------------------------------------------------------------
  // Per atom, the registers of all atoms and loads with the same latency, so that one entry is written once.
  logic [127:0] added;
  logic         spin   [Width + Ports];
  logic [7:0]   place  [Width + Ports];
  logic [127:0] spoke  [Width + Ports];
  always_comb begin
    added = '0;
    for (int unsigned i = 0; i < Width + Ports; i++) begin
      spin[i]  = 1'b0;
      place[i] = '0;
      spoke[i] = '0;
    end
    if (issue_i) begin
      for (int unsigned i = 0; i < Width; i++) begin
        if (late_i[i] && latency_i[i] > 8'd1) begin
          spin[i]  = 1'b1;
          place[i] = cycle_i[7:0] + latency_i[i];
          spoke[i] = registers_i[i];
        end
      end
      for (int unsigned p = 0; p < Ports; p++) begin
        if (load_i[p] && load_latency_i[p] > 8'd1) begin
          spin[Width+p]  = 1'b1;
          place[Width+p] = cycle_i[7:0] + load_latency_i[p];
          spoke[Width+p] = 128'd1 << load_register_i[p];
        end
      end
      for (int unsigned i = 0; i < Width + Ports; i++) begin
        if (spin[i]) begin
          added = added | spoke[i];
          for (int unsigned j = 0; j < i; j++) begin
            if (spin[j] && place[j] == place[i]) begin
              spoke[i] = spoke[i] | spoke[j];
              spin[j]  = 1'b0;
            end
          end
        end
      end
    end
  end

  logic [7:0] next;
  assign next = cycle_i[7:0] + 8'd1;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      pending_q <= '0;
      div_q     <= '0;
      fp_div_q  <= '0;
      spoked_q  <= '0;
      for (int unsigned r = 0; r < MissRegisters; r++) waiting_q[r] <= '0;
    end else begin
      pending_q <= (pending_q & ~(spoked_q[next] ? wheel_q[next] : 128'd0)) | added;
      spoked_q[next] <= 1'b0;
      for (int unsigned i = 0; i < Width + Ports; i++) begin
        if (spin[i]) begin
          spoked_q[place[i]] <= 1'b1;
          wheel_q[place[i]]  <= (spoked_q[place[i]] ? wheel_q[place[i]] : 128'd0) | spoke[i];
        end
      end
      for (int unsigned r = 0; r < MissRegisters; r++) begin
        if (!busy_i[r]) waiting_q[r] <= '0;
      end
      if (issue_i) begin
        for (int unsigned p = 0; p < Ports; p++) begin
          if (load_i[p]) begin
            for (int unsigned r = 0; r < MissRegisters; r++) begin
              if (load_misses_i[p][r]) begin
                waiting_q[r] <= (busy_i[r] ? waiting_q[r] : 128'd0) | (128'd1 << load_register_i[p]) | earlier(p, r);
              end
            end
            hit_ready_q[load_register_i[p]] <= cycle_i + 64'(load_latency_i[p]);
          end
        end
      end
      div_q    <= issue_i && div_cycles_i != '0 ? div_cycles_i - 8'd1 : div_q == '0 ? 8'd0 : div_q - 8'd1;
      fp_div_q <= issue_i && fp_div_cycles_i != '0 ? fp_div_cycles_i - 8'd1 : fp_div_q == '0 ? 8'd0 : fp_div_q - 8'd1;
    end
  end

  // Registers of this molecule's loads on lower ports that wait for the same line.
  function automatic logic [127:0] earlier(input int unsigned port, input int unsigned register);
    logic [127:0] bits;
    bits = '0;
    for (int unsigned q = 0; q < Ports; q++) begin
      if (q < port && load_i[q] && load_misses_i[q][register]) bits = bits | (128'd1 << load_register_i[q]);
    end
    return bits;
  endfunction
endmodule
