// Carry chains as the smallest adder there is: one full adder a bit, carry by carry.

(* techmap_celltype = "$lcu" *)
module hwgen_ripple_lcu (P, G, CI, CO);
    parameter WIDTH = 1;
    input [WIDTH-1:0] P, G;
    input CI;
    output [WIDTH-1:0] CO;

    wire [WIDTH:0] carry;
    assign carry[0] = CI;
    assign CO = carry[WIDTH:1];

    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : bit_
            assign carry[i + 1] = G[i] | (P[i] & carry[i]);
        end
    endgenerate
endmodule
