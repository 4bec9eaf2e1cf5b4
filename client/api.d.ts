// Made by `npm run client` from the OpenAPI document.

export interface paths {
    "/api/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register
         * @description The fields are checked in the order of the examples.
         */
        post: operations["registerUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description An unknown user and a wrong password look the same.
         */
        post: operations["logIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out
         * @description The token, if a valid one came, is refused by every process from then on.
         */
        post: operations["logOut"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{username}/coupons": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a user's coupons, 20 a page, oldest first
         * @description Of a seller: what they offer, with what is left at this moment; anyone who is logged in may look. Of a customer: what they have grabbed, the last grab included at once; only they themselves may look.
         */
        get: operations["listCoupons"];
        put?: never;
        /**
         * Put up a coupon
         * @description Names are per seller: two sellers may both have `spring`.
         */
        post: operations["createCoupon"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{seller}/coupons/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Grab a piece
         * @description For the customer whose token it is; one piece a customer. A 201 is for ever.
         */
        patch: operations["grabCoupon"];
        trace?: never;
    };
    "/api/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a seller's coupons as they sell
         * @description Server-sent events, at most five a second, that cover all server processes. The first event is a `snapshot`. After it come `figures` with the coupons that have changed, and another `snapshot` whenever the client may have missed an event. The stream ends when the token expires or is revoked.
         */
        get: operations["watchSales"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rehearsals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let simulated customers grab a coupon
         * @description Each customer makes one attempt. The grabs are real: pieces stay taken, and the events are in the log. The live figures show the progress. 404 unless the settings allow rehearsals.
         */
        post: operations["rehearse"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process lives */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** It can take grabs */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics for Prometheus, of all server processes whichever answers */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A page that shows this document */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A file of that page */
        get: operations["docsFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        NewUser: {
            username: string;
            password: string;
            /** @enum {string} */
            kind: "customer" | "seller" | "saler";
        };
        Credentials: {
            username: string;
            password: string;
        };
        NewCoupon: {
            name: string & (unknown & unknown);
            description?: string | null;
            /** @description Pieces. */
            amount: number | string;
            /** @description Face value. */
            stock: number | string;
        };
        NewRehearsal: {
            /** @description The name of one of the seller's own coupons. */
            coupon: string;
            customers: number | string;
            /** @description How long the crowd takes to arrive. */
            seconds?: number | string;
        };
        Done: {
            /** @constant */
            errMsg: "";
        };
        LoggedIn: {
            /** @enum {string} */
            kind: "customer" | "seller";
            /** @constant */
            errMsg: "";
        };
        LoggedOut: {
            /** @constant */
            errMsg: "log out.";
        };
        CustomerCoupon: {
            name: string;
            /** @description Face value. */
            stock: number;
            description: string;
        };
        SellerCoupon: {
            name: string;
            /** @description Face value. */
            stock: number;
            description: string;
            /** @description Pieces at the creation. */
            amount: number;
            /** @description Pieces left at this moment. */
            left: number;
        };
        Coupons: {
            /** @constant */
            errMsg: "";
            data: components["schemas"]["SellerCoupon"][] | components["schemas"]["CustomerCoupon"][];
        };
        LiveCoupon: {
            name: string;
            amount: number;
            /** @description Face value. */
            stock: number;
            /** @description Pieces left in Redis, whichever process handled the grabs. */
            left: number;
            /** @description Attempts to grab since `countedSince`, by outcome; `unknown` is a 503. */
            tries: {
                grabbed: number;
                soldOut: number;
                alreadyGrabbed: number;
                unknown: number;
            };
            /** @description Milliseconds inside the server, computed from recent attempts; null before the first attempt. */
            latency: {
                p50: number;
                p99: number;
            } | null;
        };
        RehearsalProgress: {
            seller: string;
            coupon: string;
            running: boolean;
            customers: number;
            grabbed: number;
            refused: number;
            /** @description Requests with any other answer, or with none. */
            unknown: number;
        };
        LiveSnapshot: {
            /** @description Clock of the server in milliseconds since 1970. For computing rates, not for decisions. */
            at: number;
            /** @description Outbox entries that MySQL does not have yet. The age of the oldest is the lag of the projection. */
            outbox: {
                entries: number;
                oldestMs: number;
            };
            /** @description Everything decided so far is in MySQL. */
            durable: boolean;
            /** @description Why grabs get 503 at the moment; null while they are accepted. */
            shut: string | null;
            rehearsal: components["schemas"]["RehearsalProgress"] | null;
            coupons: components["schemas"]["LiveCoupon"][];
            seller: string;
            countedSince: number;
            /** @description Whether the seller may start a rehearsal. */
            mayRehearse: boolean;
        };
        LiveFigures: {
            /** @description Clock of the server in milliseconds since 1970. For computing rates, not for decisions. */
            at: number;
            /** @description Outbox entries that MySQL does not have yet. The age of the oldest is the lag of the projection. */
            outbox: {
                entries: number;
                oldestMs: number;
            };
            /** @description Everything decided so far is in MySQL. */
            durable: boolean;
            /** @description Why grabs get 503 at the moment; null while they are accepted. */
            shut: string | null;
            rehearsal: components["schemas"]["RehearsalProgress"] | null;
            coupons: components["schemas"]["LiveCoupon"][];
        };
        Problem: {
            errMsg: string;
            /** @constant */
            kind?: "";
            data?: unknown[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    registerUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "username": "ann",
                 *       "password": "correct horse",
                 *       "kind": "seller"
                 *     }
                 */
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Registered. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "username": "ann",
                 *       "password": "correct horse"
                 *     }
                 */
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    /** @description The token. */
                    Authorization?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "kind": "seller",
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["LoggedIn"];
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logOut: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": "log out."
                     *     }
                     */
                    "application/json": components["schemas"]["LoggedOut"];
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listCoupons: {
        parameters: {
            query?: {
                /** @example 1 */
                page?: number;
            };
            header?: never;
            path: {
                /**
                 * @description A seller, or the customer whose token it is.
                 * @example ann
                 */
                username: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of coupons. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": "",
                     *       "data": [
                     *         {
                     *           "name": "spring",
                     *           "amount": 20,
                     *           "stock": 5,
                     *           "description": "5 off",
                     *           "left": 12
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Coupons"];
                };
            };
            /** @description No coupons on that page. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createCoupon: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller, who must be whose token it is.
                 * @example ann
                 */
                username: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "spring",
                 *       "amount": 20,
                 *       "stock": 5,
                 *       "description": "5 off"
                 *     }
                 */
                "application/json": components["schemas"]["NewCoupon"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    grabCoupon: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description One a grab, of your choice. Asking again with it is safe: it gets the original answer, and no second piece.
                 * @example bob-1
                 */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Who offers it.
                 * @example ann
                 */
                seller: string;
                /**
                 * @description The coupon's name.
                 * @example spring
                 */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is theirs, durably. */
            201: {
                headers: {
                    /** @description That it was got. */
                    "Grab-Outcome"?: "grabbed";
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Not got. */
            204: {
                headers: {
                    /** @description Why it was not got. */
                    "Grab-Outcome"?: "already-grabbed" | "sold-out" | "no-such-coupon";
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description It does not go with an earlier request. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    watchSales: {
        parameters: {
            query: {
                /** @example ann */
                seller: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example event: snapshot
                     *     data: {"at":1795521600000,"outbox":{"entries":1,"oldestMs":12},"durable":false,"shut":null,"rehearsal":null,"coupons":[{"name":"spring","amount":20,"stock":5,"left":12,"tries":{"grabbed":8,"soldOut":0,"alreadyGrabbed":3,"unknown":0},"latency":{"p50":1.2,"p99":4.6}}],"seller":"ann","countedSince":1795521500000,"mayRehearse":true}
                     *
                     *     event: figures
                     *     data: {"at":1795521600000,"outbox":{"entries":0,"oldestMs":0},"durable":true,"shut":null,"rehearsal":null,"coupons":[]}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rehearse: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "coupon": "spring",
                 *       "customers": 2000,
                 *       "seconds": 8
                 *     }
                 */
                "application/json": components["schemas"]["NewRehearsal"];
            };
        };
        responses: {
            /** @description The rehearsal has started. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description The request is wrong, and `errMsg` says how. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed to whoever sent it. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description Not now: something of its kind is under way. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is over 16 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "errMsg": ""
                     *     }
                     */
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description The system cannot say right now, or the outcome is unknown. Never a refusal: ask again. */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        openapi: string;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description As it was when `If-None-Match` had its ETag. */
            304: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description As it was when `If-None-Match` had its ETag. */
            304: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    docsFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: "viewer.js" | "swagger-ui-bundle.js" | "swagger-ui.css" | "favicon.png";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/javascript": string;
                    "text/css": string;
                    "image/png": string;
                };
            };
            /** @description As it was when `If-None-Match` had its ETag. */
            304: {
                headers: {
                    /** @description Changes with the content. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
